from __future__ import annotations

import json
from pathlib import Path

import pytest

from igent.cli import main
from tests.workflows.runs import Setup


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Setup().run(tmp_path_factory.mktemp("what-if") / "run", model="mock", max_items=8).directory


def told(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["what-if", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code, *capfd.readouterr()


def test_what_a_supplier_less_would_change_is_told_in_lines(capfd: pytest.CaptureFixture[str], run: Path) -> None:
    code, out, _ = told(capfd, run, "--capacity", "Quillroof=0", "--capacity", "Brackwater Solar=+2")
    assert code == 0
    assert "rule      balanced" in out
    assert "Quillroof: 1 of 8 -> 0 of 0" in out
    assert "Brackwater Solar: 1 of 8 -> 1 of 10" in out
    assert "moved     SPUS10002: Quillroof -> Tamarrow Energy" in out


def test_a_script_reads_the_same_as_json(capfd: pytest.CaptureFixture[str], run: Path) -> None:
    code, out, _ = told(capfd, run, "--allocation", "optimal", "--json")
    record = json.loads(out)
    assert (code, record["allocation"]) == (0, {"before": "balanced", "after": "optimal"})
    assert sum(record["counts"].values()) == len(record["changes"])


def test_a_misspelt_supplier_is_a_usage_error(capfd: pytest.CaptureFixture[str], run: Path) -> None:
    code, out, err = told(capfd, run, "--capacity", "Quilroof=0")
    assert (code, out) == (2, "")
    assert "Did you mean 'Quillroof'?" in err
