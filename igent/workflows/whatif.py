"""What another capacity or another rule would change: allocating again from recorded judgements, without a call."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from igent.domain.allocation import AllocationRule, Wish, one_by_one, worth
from igent.domain.ledger import Ledger
from igent.domain.optimal import optimal
from igent.domain.records import Json
from igent.errors import OptionError
from igent.store.places import own_place
from igent.workflows.begun import JOURNAL
from igent.workflows.decided import Decided, read_decided

__all__ = ["what_if"]

Record = dict[str, Json]

_CHANGE = re.compile(r"(?P<supplier>.+)=(?P<sign>[+-]?)(?P<number>[0-9]{1,9})")
_RULES = {"balanced": one_by_one, "optimal": optimal}


def what_if(directory: Path, changes: Sequence[str], *, rule: AllocationRule | None = None) -> Record:
    """What would change with other capacities (`SUPPLIER=+20`, `=-20` or `=20`), by the run's own rule or another.

    Who is matched and whose place is held is allocated alike. The run stays as it is. Raises `OptionError` for a change
    that cannot be, and for a run that is not finished.
    """
    directory = own_place(directory)
    decided = read_decided(directory / JOURNAL)
    if not decided.finished:
        problem = f"{str(directory)!r} is not finished, so not everything is judged"
        raise OptionError(problem, remedy=f"Go on with it first: igent run --resume {directory}")
    after = _changed(decided.ledger, changes)
    found = _RULES[rule or decided.rule](decided.wishes, after)
    moves = [*_moves(decided, found)]
    kinds = Counter(str(move["change"]) for move in moves)
    return {
        "run": str(directory),
        "allocation": {"before": decided.rule, "after": rule or decided.rule},
        "capacity": [*_capacity(decided, after, found)],
        "placed": {
            "before": worth(decided.wishes, decided.suppliers, decided.ledger).as_record(),
            "after": worth(decided.wishes, found, after).as_record(),
        },
        "counts": {kind: kinds[kind] for kind in ("gained", "lost", "moved")},
        "changes": [*moves],
    }


def _changed(ledger: Ledger, changes: Sequence[str]) -> Ledger:
    """The ledger with other capacities. Raises `OptionError` for what is no change, and for an unknown supplier."""
    accounts = {account.supplier_id: account for account in ledger.copy()}
    for change in changes:
        parts = _CHANGE.fullmatch(change)
        if parts is None:
            raise OptionError(
                f"a capacity cannot be {change!r}", remedy="Write SUPPLIER=+20, SUPPLIER=-20 or SUPPLIER=20"
            )
        name, number = parts["supplier"], int(parts["sign"] + parts["number"])
        if name not in accounts:
            near = difflib.get_close_matches(name, accounts, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(accounts)}"
            raise OptionError(f"the run has no supplier {name!r}", remedy=remedy)
        capacity = number + (accounts[name].capacity if parts["sign"] else 0)
        if capacity < 0:
            raise OptionError(f"{name!r} has {accounts[name].capacity} places", remedy="Take no more than there are")
        accounts[name] = replace(accounts[name], capacity=capacity)
    return Ledger(accounts.values())


def _moves(decided: Decided, found: Sequence[str | None]) -> Iterator[Record]:
    """Whose place is another one, in registration order; tiers count from 1, and are None without a place."""
    for row, (wish, before, after) in enumerate(zip(decided.wishes, decided.suppliers, found, strict=True)):
        if before != after:
            yield {
                "registration_id": decided.ids[row],
                "change": "gained" if before is None else "lost" if after is None else "moved",
                "from": before,
                "to": after,
                "tier": {"from": _tier(wish, before), "to": _tier(wish, after)},
                "held": row in decided.held,
            }


def _tier(wish: Wish, supplier_id: str | None) -> int | None:
    return next((number for number, tier in enumerate(wish, start=1) if supplier_id in tier), None)


def _capacity(decided: Decided, after: Ledger, found: Sequence[str | None]) -> Iterator[Record]:
    """The suppliers in file order, with places and use before and after; use counts what was used before the run."""
    taken, kept = Counter(decided.suppliers), Counter(found)
    for account in decided.ledger:
        name = account.supplier_id
        yield {
            "supplier_id": name,
            "capacity": {"before": account.capacity, "after": after[name].capacity},
            "used": {"before": account.used + taken[name], "after": account.used + kept[name]},
        }
