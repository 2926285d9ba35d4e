"""The incentives file of a market that has none."""

from __future__ import annotations

from igent.domain.incentives import Incentive
from igent.domain.records import Json
from igent.errors import InputError

__all__ = ["read_incentives"]


def read_incentives(document: Json, *, file: str) -> tuple[Incentive, ...]:
    """No incentives. Raises `InputError` where the file holds any, since nobody would apply them."""
    rows = document.get("incentives") if isinstance(document, dict) else document
    if rows != []:
        problem = "holds something, and this market has no incentives"
        raise InputError(file=file, place="", problem=problem, remedy="Leave --incentives out")
    return ()
