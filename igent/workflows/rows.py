"""What the records of a journal become in the files, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from igent import codec
from igent.accounting.calls import CallFacts
from igent.accounting.costs import COSTS_HEADER
from igent.accounting.timing import CSV_HEADER
from igent.agents.calls import Recorded
from igent.domain.records import Json
from igent.models.base import Unusable

__all__ = ["ARRAYS", "LINES", "audit_line", "recorded_reply", "review_line", "rows_of"]

_FILES = {"unmatched": "unmatched.json", "review": "review.json", "failed": "failed.json", "rejected": "rejects.json"}
ARRAYS = ("matches.json", "pos.json", *_FILES.values())
LINES: Mapping[str, bytes] = {
    "timings.csv": CSV_HEADER.rstrip(b"\n"),
    "costs.csv": COSTS_HEADER.rstrip(b"\n"),
    "audit.jsonl": b"",
    "run.log": b"",
}


def rows_of(record: dict[str, Json], number: int = 1) -> list[tuple[str, bytes]]:
    """What a commit or a decision is in the files; behind a further pass it tells the `number` of that."""
    behind = {"pass": number} if number > 1 else {}
    if record["outcome"] != "matched":
        row = cast("dict[str, Json]", record["row"])
        return [(_FILES[str(record["outcome"])], codec.dump({**row, **behind}))]
    match = cast("dict[str, Json]", record["match"])
    return [("matches.json", codec.dump({**match, **behind})), ("pos.json", codec.dump(record["order"]))]


def audit_line(record: dict[str, Json], replies: Sequence[dict[str, Json]]) -> bytes:
    """The line of `audit.jsonl` about a commit, with the replies that it rests on."""
    audit = cast("dict[str, Json]", record["audit"])
    number: dict[str, Json] = {"pass": record["pass"]} if "pass" in record else {}
    if released := cast("list[tuple[int, str]]", record.get("released", [])):
        number["released"] = [supplier_id for _, supplier_id in released]
    # An agent's replies are in their order already; whose came first depends on timing.
    said = sorted(map(_said, replies), key=lambda reply: str(reply["agent"]))
    line = {"registration_id": record["id"], "outcome": record["outcome"], **number, **audit, "replies": said}
    return codec.dump(line)


def review_line(record: dict[str, Json]) -> bytes:
    """The line about a person's decision."""
    who: dict[str, Json] = {key: record[key] for key in ("action", "by", "at", "comment")}
    return codec.dump({"registration_id": record["id"], "outcome": record["outcome"], "review": who})


def recorded_reply(reply: dict[str, Json], calls: Mapping[str, list[CallFacts]]) -> Recorded:
    """A reply to answer with again; the call that it came from is settled where its last attempt has no fault."""
    facts = calls.get(str(reply["request"]), [])
    unusable = cast("Unusable | None", reply["unusable"])
    settled = "earlier" in reply or any(one.fault is None for one in facts)
    took = next((one.calls for one in facts if one.fault is None), 1)
    return Recorded(text=str(reply["text"]), unusable=unusable, settled=settled, calls=took)


def _said(reply: dict[str, Json]) -> dict[str, Json]:
    return {key: reply[key] for key in ("agent", "request", "text", "unusable")}
