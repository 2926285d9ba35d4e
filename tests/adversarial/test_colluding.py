from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from igent.dialogue.replies import ReplyKind, maybe_answer
from igent.workflows import RunResult
from tests.adversarial.colluding import ColludingModel
from tests.adversarial.forbidden import promised_wrongly
from tests.adversarial.judged import broken_rules, judged
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, SAMPLE, registrations, rows_of, write

CONSTELLATIONS = ("p1m1c1_p2m2c2", "p1m1c1m2c2", "p1m1m2c", "p1r_p2r", "p1m1_p2m2")
NOTES = (
    "We would like panels that are made in America",
    "The lowest price please, and a long warranty",
    "Could we pay monthly, with a loan?",
    "Anyone but Quillroof, whose people were rude",
    None,
)


def noted(folder: Path, seed: int) -> Inputs:
    """The sample's households, most with a note, which is all that leaves a model anything to decide."""
    random = Random(seed)
    rows = [row | {"Notes": random.choice(NOTES)} for row in registrations()]
    return replace(SAMPLE, registrations=write(folder / "registrations.json", rows), hold_reviews=seed % 2 == 1)


def attack(folder: Path, seed: int) -> tuple[RunResult, ColludingModel, list[object]]:
    """One run that a colluding model has judged, and what it broke."""
    folder.mkdir()
    inputs, model = noted(folder, seed), ColludingModel(seed, share=0.3 if seed % 3 == 2 else 0.8)
    result = judged(model, folder / "run", inputs, CONSTELLATIONS[seed % len(CONSTELLATIONS)])
    promised = promised_wrongly(rows_of(result, "pos.json"), inputs, AS_OF)
    return result, model, [*broken_rules(result.directory, inputs), *promised]


def test_a_cheat_who_knows_the_rules_gets_past_the_critic(tmp_path: Path) -> None:
    """What the rules are tried by: judgements that nobody made, taken for what a household wants."""
    result, model, broken = attack(tmp_path / "attack", 0)
    assert broken == []
    orders, matches = rows_of(result, "pos.json"), rows_of(result, "matches.json")
    assert {match["judgement"] for match in matches} == {"proven", "plausible"}
    assert {order["payment_type"] for order in orders} == {"cash", "loan"}
    lines = [line for line in rows_of(result, "audit.jsonl") if line["outcome"] == "matched"]
    assert {len(line["phases"][0]["decision"]["fit"]) for line in lines} >= {1, 2, 3}
    assert any(incentive["id"] == "South Roof Bonus" for order in orders for incentive in order["incentives"])
    assert min(model.kinds[kind] for kind in ("match", "order", "critique")) > 20


def test_every_answer_of_the_cheat_has_its_form(tmp_path: Path) -> None:
    _, model, _ = attack(tmp_path / "attack", 1)
    kinds: dict[str, ReplyKind] = {"match": "match", "order": "order", "critique": "critique"}
    unreadable = [text for kind, text in model.given if maybe_answer(kinds[kind], text.encode()) is None]
    assert unreadable == []
