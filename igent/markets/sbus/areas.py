"""Where a programme applies: programme -> authority -> geographies -> ZIP codes, and which incentives go together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from igent.domain.records import Json

__all__ = ["Areas", "Where"]


@dataclass(frozen=True, slots=True)
class Where:
    """ZIP codes where a programme surely applies (None: everywhere), and those that it may cover only in part.

    `unsure` is None where a geography's ZIP codes are not known: it may then reach anywhere.
    """

    sure: frozenset[str] | None
    unsure: frozenset[str] | None = frozenset()


@dataclass(frozen=True, slots=True)
class Areas:
    """The tables that come with a list of incentives; each may be missing, and then nothing is known."""

    programs: Mapping[str, Json]
    authorities: Mapping[str, Json]
    zips: Mapping[int, Where]
    relationships: Mapping[str, Json]

    @classmethod
    def read(cls, tables: Mapping[str, Json]) -> Areas:
        """The tables of an incentives file."""
        return cls(
            programs=_table(tables, "programs"),
            authorities=_table(tables, "authorities"),
            zips=_zips(tables.get("zip_to_geography")),
            relationships=_table(tables, "relationships"),
        )

    def program_name(self, program: str | None) -> str | None:
        """The programme's English name, where it is known."""
        name = _table(self.programs, program or "").get("name")
        return str(name["en"]) if isinstance(name, dict) and "en" in name else None

    def of_program(self, program: str | None) -> Where | None:
        """Where a programme applies; None where the tables do not say."""
        entry = _table(self.programs, program or "")
        kind = str(entry.get("authority_type"))
        if kind == "federal":
            return Where(sure=None)
        ids = _table(_table(self.authorities, kind), str(entry.get("authority"))).get("geography_ids")
        if not isinstance(ids, list) or not ids:
            return None
        places = [self.zips[i] for i in ids if isinstance(i, int) and i in self.zips]
        sure = frozenset[str]().union(*(place.sure or () for place in places))
        if len(places) < len(ids):
            return Where(sure=sure, unsure=None)
        return Where(sure=sure, unsure=frozenset[str]().union(*(place.unsure or () for place in places)) - sure)

    def excluded_by(self, incentive_id: str) -> frozenset[str]:
        """The incentives that cannot be combined with this one."""
        capped = self.relationships.get("combinations")
        groups = [frozenset(_ids(one)) for one in capped] if isinstance(capped, list) else []
        together = frozenset[str]().union(*(group for group in groups if incentive_id in group))
        return self._related("exclusions", incentive_id) | together - {incentive_id}

    def required_by(self, incentive_id: str) -> frozenset[str]:
        """The incentives that have to come first."""
        return self._related("prerequisites", incentive_id)

    def _related(self, kind: str, incentive_id: str) -> frozenset[str]:
        return frozenset(_ids(_table(self.relationships, kind).get(incentive_id)))


def _ids(value: Json) -> Iterator[str]:
    """The ids of a relationship: one, a list of them, or either within an object."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (str(one) for one in value)
    elif isinstance(value, dict):
        for key in ("ids", "allOf", "anyOf"):
            yield from _ids(value.get(key))


def _table(parent: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _zips(rows: Json) -> Mapping[int, Where]:
    sure: defaultdict[int, set[str]] = defaultdict(set)
    unsure: defaultdict[int, set[str]] = defaultdict(set)
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("geography_id"), int):
            main = row.get("predominant") in (1, True, "1")
            (sure if main else unsure)[int(str(row["geography_id"]))].add(str(row.get("zip")).zfill(5))
    return {key: Where(frozenset(sure[key]), frozenset(unsure[key])) for key in sure.keys() | unsure.keys()}
