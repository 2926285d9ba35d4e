"""Judging a registration again from its journal: the same agents, with replies that are kept instead of calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from igent.accounting.usage import Usage
from igent.agents.calls import CallJournal, CallSettings, Kept
from igent.errors import ModelRejected
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent, StopReason
from igent.store.scan import Record
from igent.workflows.plan import Planned
from igent.workflows.session import Session

__all__ = ["replay"]


async def replay(session: Session, planned: Planned, replies: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Every question as it is rendered now, in order, and the replies that belong to none of them.

    A question is `as_asked` where the journal has a reply to the very same request, by its digest; after one that is
    not, its phase cannot go on.
    """
    by_digest: defaultdict[str, list[Record]] = defaultdict(list)
    for reply in replies:
        by_digest[str(reply["request"])].append(reply)
    tape = _Tape("journal", by_digest)
    early = session.constellation.optimization.early_json
    calls = CallSettings(
        model=tape, deadline_s=session.pace.call_deadline_s, early_json=early, clock=session.rim.monotonic
    )
    await session.judging().judge(planned, calls, CallJournal(keep=_keep, settle=lambda *_: None))
    return [_asked(*one) for one in tape.asked], [reply for rest in by_digest.values() for reply in rest]


async def _keep(_: Kept) -> None:
    """It is kept already, and was paid for in its time."""


@dataclass(slots=True)
class _Tape:
    """A model that answers with what a journal holds, and keeps what it was asked."""

    name: str
    replies: Mapping[str, list[Record]]
    asked: list[tuple[ModelRequest, Record | None]] = field(default_factory=list)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        known = self.replies.get(request.digest)
        reply = known.pop(0) if known else None
        self.asked.append((request, reply))
        if reply is None:
            raise ModelRejected(self.name, "the journal has no reply to this request")
        yield Sent()
        yield str(reply["text"])
        yield ReplyEnd(stop_reason=cast("StopReason", reply["unusable"] or "end_turn"), usage=Usage())


def _asked(request: ModelRequest, reply: Record | None) -> Record:
    return {
        "agent": request.agent,
        "model": request.model,
        "request": request.digest,
        "as_asked": reply is not None,
        "system": request.system,
        "messages": [{"author": message.author, "text": message.text} for message in request.messages],
        "reply": reply["text"] if reply else None,
        "unusable": reply["unusable"] if reply else None,
    }
