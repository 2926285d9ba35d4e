"""What records of a journal do to the places of suppliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from igent.domain.ledger import Ledger
from igent.domain.records import Json

__all__ = ["take_place"]


def take_place(record: Mapping[str, Json], ledger: Ledger) -> None:
    """What a commit or a person's decision does to the places: those that were held for it are given back first."""
    review = record["t"] == "review"
    for _, supplier_id in cast("list[tuple[int, str]]", record.get("released", [])):
        ledger.release(supplier_id, hold=True)
    if review and record["held"] is not None:
        ledger.release(str(record["held"]), hold=True)
    if "supplier" in record:
        ledger.take(str(record["supplier"]), hold=not review and bool(record["held"]))
