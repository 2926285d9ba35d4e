from __future__ import annotations

import json
from pathlib import Path

import pytest

from profiles.compare import main
from profiles.measure import Better, Measurement, Unit
from profiles.report import document


def results(directory: Path, day: str, value: float, *, better: Better = "less", unit: Unit = "x") -> None:
    row = Measurement(suite="turn", what="one / other", value=value, unit=unit, better=better)
    (directory / f"{day}.json").write_text(document({"date": day}, [row]), encoding="utf-8")


@pytest.mark.parametrize(
    ("better", "after", "code"),
    [
        ("less", 1.09, 0),
        ("less", 1.11, 1),
        ("less", 0.5, 0),
        ("more", 0.92, 0),
        ("more", 0.90, 1),
        ("more", 2.0, 0),
    ],
)
def test_a_ratio_that_is_worse_by_over_a_tenth_fails(better: Better, after: float, code: int, tmp_path: Path) -> None:
    results(tmp_path, "2026-11-20", 1.0, better=better)
    results(tmp_path, "2026-11-21", after, better=better)
    assert main([], tmp_path) == code


def test_absolute_figures_decide_nothing(tmp_path: Path) -> None:
    results(tmp_path, "2026-11-20", 1.0, unit="s")
    results(tmp_path, "2026-11-21", 9.0, unit="s")
    assert main([], tmp_path) == 0


def test_the_newest_two_are_compared(tmp_path: Path) -> None:
    for day, value in (("2026-11-19", 1.0), ("2026-11-20", 9.0), ("2026-11-21", 9.0)):
        results(tmp_path, day, value)
    assert main([], tmp_path) == 0


def test_two_files_are_compared_as_they_are_given(tmp_path: Path) -> None:
    results(tmp_path, "a", 9.0)
    results(tmp_path, "b", 1.0)
    files = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert (main(files), main(files[::-1])) == (0, 1)


def test_what_only_one_has_is_told_and_decides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results(tmp_path, "2026-11-20", 1.0)
    (tmp_path / "2026-11-21.json").write_text(json.dumps({"measurements": []}), encoding="utf-8")
    assert main([], tmp_path) == 0
    assert "only in 2026-11-20.json: turn: one / other\n" in capsys.readouterr().out


def test_one_result_is_not_enough(tmp_path: Path) -> None:
    results(tmp_path, "2026-11-21", 1.0)
    assert main([], tmp_path) == 2
