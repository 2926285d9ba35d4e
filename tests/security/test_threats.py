from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREATS = (ROOT / "THREATS.md").read_text("utf-8")


def test_every_test_that_the_threats_name_is_there() -> None:
    named = re.findall(r"`((?:tests/|test_)[\w/.]+)`", THREATS)
    folders = [ROOT, ROOT / "tests/adversarial"]
    assert len(named) > 15
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []


def test_the_threats_stay_one_page() -> None:
    assert len(THREATS.splitlines()) <= 60


def test_the_readme_leads_to_them() -> None:
    assert "[THREATS.md](THREATS.md)" in (ROOT / "README.md").read_text("utf-8")
