"""A run told beforehand: a forecast from earlier runs or from a pilot, kept to be held against what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, replace
from decimal import Decimal
from typing import cast

from igent import codec
from igent.accounting.estimate import against
from igent.accounting.outlook import RateLimits
from igent.accounting.seen import Seen
from igent.domain.records import Json
from igent.store.memory import Memory
from igent.store.replies import Replies
from igent.workflows.forecast import Evidence, forecast
from igent.workflows.providers import replies_path
from igent.workflows.session import Session

__all__ = ["held_against", "rehearse", "remember", "told_before"]

# Fewer answers than this say less than the run before them did.
_TELLING_ANSWERS = 20
_MINUTE_S = 60


async def rehearse(session: Session, *, pilot: Mapping[str, Json] | None, source: str) -> dict[str, Json]:
    """The forecast of a run; from its `pilot`, the summary of one, else from what the last run like it has left.

    Raises `RunStopped` where the registrations change meanwhile.
    """
    memory = Memory(session.rim.cache_dir)
    seen = _seen(pilot, source) if pilot else memory.maybe(_history_name(session))
    async with AsyncExitStack() as stack:
        path = replies_path(session)
        replies = await stack.enter_async_context(Replies.open(path)) if path is not None else None
        told = await forecast(session, replace(_evidence(seen), replies=replies))
    record = told.as_record()
    memory.keep(_forecast_name(session), record)
    return record


def remember(session: Session, summary: Mapping[str, Json], source: str) -> None:
    """Leave what a run's calls were like to the next one, where enough of them were answered to tell."""
    answers = Seen.from_record(summary["observed"]).answers
    memory, name = Memory(session.rim.cache_dir), _history_name(session)
    if answers >= _TELLING_ANSWERS or (answers and memory.maybe(name) is None):
        memory.keep(name, _seen(summary, source))


def told_before(session: Session) -> Json:
    """The estimate of a run that was made before it, None where there is none."""
    record = Memory(session.rim.cache_dir).maybe(_forecast_name(session))
    return record.get("estimate") if isinstance(record, dict) else None


def held_against(told: Json, summary: Mapping[str, Json]) -> Json:
    """The estimate of a run beside what came of it, as multiples of its middle.

    None where there was no estimate, or the run was stopped before its end. Time is left out where it was resumed: only
    the last process knows what it took.
    """
    if summary["stopped"] is not None:
        return None
    cost, calls = summary["cost_usd"], cast("dict[str, int]", summary["calls"])
    timing = cast("dict[str, Json]", summary["timing"])
    with suppress(ValueError):
        ratios = against(
            told,
            cost_usd=None if cost is None else Decimal(str(cost)),
            seconds=float(str(timing["wall_seconds"])),
            calls=calls["matcher"] + calls["critic"],
        )
        if timing["resumed_at"] is not None:
            ratios["seconds"] = None
        return {"estimate": told, "actual_over_p50": ratios}
    return None


def _history_name(session: Session) -> str:
    """The same for runs whose calls are alike: of one constellation, with its prompts, models and where those are."""
    simulated = [session.settings.mock_latency, session.settings.mock_errors] if "mock" in session.models else []
    urls = [session.rim.base_url, session.rim.openai_url]
    about = [asdict(session.constellation), [*session.models], session.prompts, simulated, urls]
    return f"history-{codec.digest(about)[:16]}"


def _forecast_name(session: Session) -> str:
    header = session.header()
    return f"forecast-{codec.digest([header['settings'], header['identity']])[:16]}"


def _seen(summary: Mapping[str, Json], source: str) -> Json:
    """What is kept of a run's summary: its calls, and the limits that its first model was found to have."""
    gates = cast("dict[str, dict[str, Json]]", cast("dict[str, Json]", summary["providers"]).get("gates") or {})
    gate: dict[str, Json] = next(iter(gates.values()), {})
    return {"source": source, "observed": summary["observed"], "gate": gate}


def _evidence(seen: Json) -> Evidence:
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        record = cast("dict[str, Json]", seen)
        earlier = Seen.from_record(record["observed"])
        return Evidence(seen=earlier, source=str(record["source"]), limits=_limits(record["gate"]))
    return Evidence()


def _limits(gate: Json) -> RateLimits:
    """What a gate has learnt, per minute: what the provider tells, and its pace where that was found the hard way."""
    record = cast("dict[str, Json]", gate)
    told = cast("dict[str, dict[str, float]]", record.get("limits") or {})
    per_minute = {name: round(one["limit"] * _MINUTE_S / one["window_s"]) for name, one in told.items()}
    pace = record.get("pace_per_s")
    if isinstance(pace, int | float):
        per_minute["requests"] = round(pace * _MINUTE_S)
    return RateLimits(
        requests=per_minute.get("requests"),
        input_tokens=per_minute.get("input-tokens"),
        output_tokens=per_minute.get("output-tokens"),
    )
