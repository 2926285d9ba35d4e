"""Following the source pointers of a decision into the inputs as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from igent.domain.records import Json, Registration
from igent.errors import InputError
from igent.store.source import read_documents
from igent.workflows.plan import Planned
from igent.workflows.settings import RunSettings

__all__ = ["sources"]

Record = dict[str, Json]


async def sources(settings: RunSettings, story: Record, planned: Planned | None) -> Record:
    """What stands now at every place that the decision names; None where the place is gone."""
    try:
        documents = await read_documents(settings.offers, settings.incentives)
    except InputError:
        return {}
    values = {document.name: document.value for document in documents if document}
    decided = cast("Record", story.get("review") or story)
    named = sorted({*_pointers(decided.get("order")), *_pointers(story.get("candidates"))})
    own = planned.registration.source if planned and isinstance(planned.registration, Registration) else None
    fields = planned.row if planned and isinstance(planned.row, dict) else {}
    mine: Record = {f"{own}/{name}": value for name, value in fields.items()}
    return {pointer: mine[pointer] if pointer in mine else _at(values, pointer) for pointer in named}


def _pointers(value: Json) -> Iterator[str]:
    """Every `source` within a value."""
    if isinstance(value, list):
        for one in value:
            yield from _pointers(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key.endswith("source"):
                yield from (str(place) for place in (one if isinstance(one, list) else [one]))
            else:
                yield from _pointers(one)


def _at(values: Mapping[str, Json], pointer: str) -> Json:
    name, _, path = pointer.partition("#")
    value = values.get(name)
    for step in path.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(key)] if key.isdecimal() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value if not isinstance(value, list | dict) else f"{len(value)} members"
