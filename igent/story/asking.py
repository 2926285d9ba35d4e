"""What a person is shown of a registration in review, and reading the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from igent.domain.outcomes import Outcome
from igent.domain.records import Payment
from igent.domain.reviews import Choice, Refusal
from igent.story.text import Row, as_list, as_row, as_rows, visible

__all__ = ["QUESTION", "asked", "choice_of", "failed_line", "listed", "outcome_line"]

QUESTION = "accept, an offer (o2, or o2 loan), reject, skip or quit; a comment behind a semicolon: "
_NAMED = 5  # as many failures are named; `failed.json` has all of them
_SHORT = {"a": "accept", "r": "reject", "s": "skip", "": "skip", "q": "quit"}


def asked(row: Row, note: str | None) -> list[str]:
    """What is unproven about one registration and what there is to choose from, with the note's own words."""
    return [visible(line) for line in _asked(row, note)]


def listed(rows: Sequence[Row]) -> list[str]:
    """One line for each registration that waits."""
    return [
        visible(f"{row['registration_id']}: {'; '.join(map(str, as_row(row['unproven']).values()))}") for row in rows
    ]


def failed_line(rows: Sequence[Row]) -> str:
    """How many were not judged at all, so that there is nothing to decide about them, and the first of them."""
    named = [f"{row['registration_id']} ({', '.join(map(str, as_list(row['codes'])))})" for row in rows[:_NAMED]]
    more = ", ..." if len(rows) > _NAMED else ""
    return visible(f"{len(rows)} failed and cannot be decided here: {', '.join(named)}{more}")


def _asked(row: Row, note: str | None) -> Iterator[str]:
    phase = f", phase {row['phase']}" if "phase" in row else ""
    yield f"{row['registration_id']}{phase}  {row.get('source', '')}"
    yield from (f"  {why}" for why in as_row(row["unproven"]).values())
    if "note" in row:
        yield f"  note, {row['note']}: {note or 'too long to be shown here'}"
    if "held" in row:
        yield f"  {row['held']} keeps a place for it"
    for offer in as_rows(row.get("candidates")):
        products = ", ".join(map(str, as_list(offer["products"])))
        yield f"  {offer['id']:<4} {offer['supplier_id']}: {products}, {offer['total']} {row['currency']}"
    if proposal := as_row(row.get("proposal")):
        due = f"{proposal['payment_type']}, {proposal['amount_due']} due"
        yield f"  accept: {proposal['offer']}, {proposal['supplier_id']}, {due}, {proposal['net_total']} net"


def choice_of(answer: str, registration_id: str, *, by: str) -> Choice | str:
    """The decision that an answer is; else `skip` or `quit`, or "" for what cannot be understood."""
    said, _, comment = answer.partition(";")
    words = said.strip().lower().split()
    word = _SHORT.get(" ".join(words), " ".join(words))
    told = visible(" ".join(comment.split()))
    if word in ("skip", "quit"):
        return word
    if word == "accept":
        return Choice(registration_id=registration_id, action="accept", by=by, comment=told)
    if word == "reject":
        return Choice(registration_id=registration_id, action="reject", by=by, comment=told)
    payments: dict[str, Payment] = {"cash": "cash", "loan": "loan"}
    if len(words) > 2 or not words[0][1:].isdecimal() or (len(words) == 2 and words[1] not in payments):
        return ""
    payment = payments[words[1]] if len(words) == 2 else None
    return Choice(
        registration_id=registration_id, action="choose", by=by, offer=words[0], payment=payment, comment=told
    )


def outcome_line(choice: Choice, outcome: Outcome | Refusal) -> str:
    """What came of a decision, in one line."""
    if isinstance(outcome, Refusal):
        return visible(f"{choice.registration_id}: not applied: {outcome.reason}")
    if outcome.place is None:
        return visible(f"{choice.registration_id}: unmatched")
    return visible(f"{choice.registration_id}: matched, {outcome.place.offer.id} of {outcome.place.offer.supplier.id}")
