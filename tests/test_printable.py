from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.printable import visible, visible_json

ANY = st.text(st.characters() | st.sampled_from("\x1b\x07\x7f\x9b\u202e\u2066\u2028\u200b\ufeff\U000e0041\r\n\t"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ærø, 東京: 12 %", "Ærø, 東京: 12 %"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2028\u200b", r"\u2028\u200b"),
        ("\U000e0041", r"\U000e0041"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_what_acts_on_a_terminal_is_spelt_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY)
def test_a_line_is_printable_whatever_it_was(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


@given(st.recursive(ANY | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_json_stays_the_same_value_and_becomes_printable(value: object) -> None:
    shown = visible_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(shown) == value
    assert all(line.isprintable() for line in shown.split("\n"))
