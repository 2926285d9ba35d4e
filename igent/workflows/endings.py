"""How a pass of a run comes to its end, and how the next one begins behind it."""

from __future__ import annotations

from collections.abc import Collection

from igent.domain.records import Json
from igent.models.halt import Halt
from igent.workflows.projection import Projection
from igent.workflows.publisher import Publisher
from igent.workflows.session import Session
from igent.workflows.summary import process_record

__all__ = ["begin_pass", "end_in_time", "end_record"]


async def begin_pass(
    session: Session, publisher: Publisher, projection: Projection, rows: list[int], only: Collection[str]
) -> None:
    """Write down whose turn it is again, behind the end of the pass before."""
    at = session.rim.now().isoformat()
    if projection.ending is None:
        for decision in projection.since.pending:
            publisher.append(decision)
        process = process_record(session, judged=0, wall_s=0.0, resumed_at=projection.committed)
        publisher.append({**end_record(session, projection, process, {}), "at": at})
    number = projection.passes.number + 1
    await publisher.append_durable({"t": "pass", "pass": number, "rows": [*rows], "only": [*only], "at": at})
    await publisher.settle()


def end_record(
    session: Session, projection: Projection, process: dict[str, Json], went: dict[str, Json]
) -> dict[str, Json]:
    """What the end of a pass leaves to `run.json`; an estimate is of the first one."""
    from igent.workflows.rehearsal import told_before  # a first call does not wait for what an end needs

    told = told_before(session) if projection.passes.number == 1 else projection.told
    return {"t": "end", "process": process, "providers": went, "told": told}


async def end_in_time(session: Session, halt: Halt) -> None:
    """Let the run end at its deadline. Raises `RunStopped` once a run that is to end has had its grace."""
    pace, sleep = session.pace, session.rim.sleep
    if pace.deadline_s is None:
        await halt.wait()
    else:
        await halt.rest(sleep, pace.deadline_s)
        halt.set(f"the deadline of {pace.deadline_s:g} s has passed")
    await sleep(pace.grace_s)
    halt.check()
