from __future__ import annotations

from pathlib import Path

from tests.reliability.record import page, read_records


def test_figures_of_a_claim_add_up_over_tests_and_stand_in_one_row(tmp_path: Path) -> None:
    for number, text in enumerate(
        ('{"claim": "b", "figures": {"runs_killed": 700, "lost": 0}}', '{"claim": "a", "figures": {"states": 2.5}}')
    ):
        (tmp_path / f"{number}.json").write_text(text)
    (tmp_path / "again.json").write_text('{"claim": "b", "figures": {"runs_killed": 600, "lost": 0}}')
    rows = page(read_records(tmp_path), {"date": "today"}).splitlines()[-4:]
    assert rows == [
        "| claim | figures |",
        "| --- | --- |",
        "| a | 2.5 states |",
        "| b | 1,300 runs killed, 0 lost |",
    ]
