from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

from igent.dialogue.replies import VetoCode
from igent.domain.codes import WORDS, in_words
from igent.errors import ModelError

ROOT = Path(__file__).parents[2] / "igent"


def written_codes() -> set[str]:
    """The codes that the program's own text gives to outcomes and violations."""
    found = set[str]()
    for path in [
        *(ROOT / "domain").glob("*.py"),
        *(ROOT / "workflows").glob("*.py"),
        *(ROOT / "dialogue").glob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("code", "codes"):
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                found |= {str(one.value) for one in values if isinstance(one, ast.Constant)}
    return found


def test_every_code_of_an_outcome_and_of_a_violation_has_its_words() -> None:
    codes = written_codes()
    assert len(codes) > 15
    assert codes - WORDS.keys() == set()


def test_every_objection_of_a_critic_has_its_words() -> None:
    assert {*get_args(VetoCode)} - WORDS.keys() == set()


def test_every_way_in_which_a_model_fails_has_its_words() -> None:
    codes = {kind.code for kind in ModelError.__subclasses__()} | {"model-refused", "reply-cut-off"}
    assert codes - {"model-error"} - WORDS.keys() == set()


def test_a_code_without_words_stands_for_itself() -> None:
    assert in_words("fact-missing: income") == "fact-missing: income"
