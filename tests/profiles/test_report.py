from __future__ import annotations

import json
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path

import pytest

from profiles.measure import Measurement, Unit
from profiles.report import figure, main, report, tables, with_report


def one(what: str, value: float, unit: Unit = "s", *, suite: str = "latency") -> Measurement:
    return Measurement(suite=suite, what=what, value=value, unit=unit)


def cells(text: str) -> list[list[list[str]]]:
    """The tables of a text: rows of cells, without the rules."""
    told = [[line.strip("|").split("|") for line in part.splitlines()] for part in text.strip().split("\n\n")]
    return [[[cell.strip() for cell in row] for row in rows if not row[0].startswith("-")] for rows in told]


HEAD = ["suite", "ratio", "x", "figure", "value"]
ARMS = [one(f"{arm}: {metric}", value) for arm, value in (("naive", 9), ("default", 1)) for metric in ("p50", "wall")]


def test_what_repeats_for_several_arms_has_a_row_for_each_and_a_column_for_each_metric() -> None:
    assert cells(tables(ARMS)) == [
        [HEAD],
        [["latency", "p50, s", "wall, s"], ["naive", "9", "9"], ["default", "1", "1"]],
    ]


def test_what_an_arm_has_not_is_left_empty() -> None:
    _, rows = cells(tables([*ARMS, one("default: calls", 40, "calls")]))
    assert rows == [
        ["latency", "p50, s", "wall, s", "calls"],
        ["naive", "9", "9", ""],
        ["default", "1", "1", "40"],
    ]


def test_ratios_of_pairs_stand_apart_above_the_arms() -> None:
    pairs = [one(f"{what}, a / {other}", 2, "x") for what in ("calls", "wall") for other in ("b", "c")]
    assert cells(tables([*ARMS, *pairs]))[1:] == [
        [["latency", "calls, x", "wall, x"], ["a / b", "2", "2"], ["a / c", "2", "2"]],
        cells(tables(ARMS))[1],
    ]


def test_arms_that_share_no_metric_are_tables_of_their_own() -> None:
    others = [one(f"{arm}: {metric}", 5, "MB") for arm in ("x", "y") for metric in ("peak", "mean")]
    assert [rows[0] for rows in cells(tables([*ARMS, *others]))] == [
        HEAD,
        ["latency", "p50, s", "wall, s"],
        ["latency", "peak, MB", "mean, MB"],
    ]


def test_what_stands_alone_has_ratios_and_figures_side_by_side_below_the_name_of_its_suite() -> None:
    found = [one("calls", 72, "calls"), one("some / all", 0.25, "x"), one("time", 1.5), one("unlike", 0, "faults")]
    assert cells(tables([*found, one("free", 1, "%", suite="load")])) == [
        [
            HEAD,
            ["latency", "some / all", "0.25", "calls", "72 calls"],
            ["", "", "", "time", "1.5 s"],
            ["", "", "", "unlike", "0"],
            ["load", "", "", "free", "1 %"],
        ]
    ]


def test_many_metrics_of_one_thing_are_a_line() -> None:
    shares = [one(f"own time: `f{number}`", number, "%") for number in range(6)]
    assert tables(shares).endswith("\nlatency, own time: `f0` 0 %, `f1` 1 %, `f2` 2 %, `f3` 3 %, `f4` 4 %, `f5` 5 %.\n")


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "profiles" / "results").glob("*.json")), ids=attrgetter("name")
)
def test_no_measurement_is_left_out(file: Path) -> None:
    measurements = [Measurement(**row) for row in json.loads(file.read_bytes())["measurements"]]
    text = tables(measurements)
    assert [row.what for row in measurements if figure(row.value) not in text] == []


def test_a_results_file_is_written_into_the_readme(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- bench: begin -->\n<!-- bench: end -->\n", encoding="utf-8")
    (tmp_path / "results").mkdir()
    for day in ("2026-11-20", "2026-11-21"):
        told = json.dumps({"date": day, "measurements": [asdict(row) for row in ARMS]})
        (tmp_path / "results" / f"{day}.json").write_text(told, encoding="utf-8")
    main([], tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text == with_report(text, report({"date": "2026-11-21"}, ARMS))


def test_a_report_replaces_the_former_one_and_nothing_else() -> None:
    readme = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n"
    once = with_report(readme, "new\n")
    assert once == "before\n<!-- bench: begin -->\nnew\n<!-- bench: end -->\nafter\n"
    assert with_report(once, "new\n") == once


@pytest.mark.parametrize("readme", ["", "<!-- bench: begin -->", "<!-- bench: end --><!-- bench: begin -->"])
def test_a_readme_without_markers_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        with_report(readme, "new\n")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123456, "0.0123"), (7, "7"), (12.345, "12.3"), (99.96, "100"), (101542.4, "101,542")]
)
def test_a_figure_has_three_digits_and_never_an_exponent(value: float, text: str) -> None:
    assert figure(value) == text
