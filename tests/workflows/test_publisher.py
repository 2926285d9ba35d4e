from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from igent.accounting.prices import PriceTable
from igent.domain.ledger import Ledger
from igent.domain.records import Json
from igent.errors import JournalError
from igent.store.files import Outputs
from igent.store.journal import Journal, Recovery
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.publisher import Publisher


def commit(number: int) -> dict[str, Json]:
    row: dict[str, Json] = {"registration_id": f"R{number}", "codes": []}
    record: dict[str, Json] = {"t": "commit", "n": number, "id": f"R{number}", "outcome": "review", "row": row}
    return record | {"noted": False, "calls": {}, "audit": {}, "spans": [["registration", 0, 0, 1, -1]]}


class Counting(Outputs):
    """Outputs that count how often they are published; `begun` once they have been."""

    publications = 0

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, arrays=ARRAYS, lines=LINES)
        self.begun = asyncio.Event()

    async def publish(self, documents: object, *, journal_bytes: int) -> None:
        self.publications += 1
        self.begun.set()
        await super().publish(documents, journal_bytes=journal_bytes)  # type: ignore[arg-type]


@dataclass
class Bench:
    """A publisher with what it publishes and, per number of folded commits, an event."""

    publisher: Publisher
    projection: Projection
    outputs: Counting
    directory: Path
    folded: asyncio.Event = field(default_factory=asyncio.Event)

    def shown(self) -> list[str]:
        return [row["registration_id"] for row in json.loads((self.directory / "review.json").read_text())]

    async def commit_one_by_one(self, count: int) -> None:
        """Append commits, each after the one before it has been folded and its publication, if due, begun."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.publisher.run(lambda _counts: self.folded.set()))
            for number in range(count):
                self.folded.clear()
                self.publisher.append(commit(number))
                await self.folded.wait()
            running.cancel()


@asynccontextmanager
async def bench(directory: Path, *, flush_every: int = 5) -> AsyncIterator[Bench]:
    outputs = Counting(directory)
    projection = Projection(Ledger.opening([]), outputs.add, prices=PriceTable(prices={}))
    async with Journal.create(directory / "journal") as journal:
        yield Bench(Publisher(journal, projection, outputs, flush_every=flush_every), projection, outputs, directory)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    return directory


async def test_nothing_is_folded_before_it_is_durable(run: Path) -> None:
    async with bench(run) as at:
        at.publisher.append(commit(0))
        assert at.projection.committed == 0
        await at.publisher.settle()
        assert at.projection.committed == 1


async def test_records_are_folded_in_the_order_of_the_journal(run: Path) -> None:
    async with bench(run) as at:
        numbers = [at.publisher.append(commit(number)) for number in range(7)]
        await at.publisher.settle()
        await at.publisher.publish()
        assert numbers == [0, 1, 2, 3, 4, 5, 6]
        assert at.shown() == [f"R{number}" for number in range(7)]
    assert [entry.record["n"] for entry in Recovery(run / "journal")] == numbers


async def test_settling_twice_folds_once(run: Path) -> None:
    async with bench(run) as at:
        at.publisher.append(commit(0))
        await asyncio.gather(at.publisher.settle(), at.publisher.settle())
        assert at.projection.committed == 1


async def test_what_is_published_has_a_manifest_with_the_journals_position(run: Path) -> None:
    async with bench(run) as at:
        at.publisher.append(commit(0))
        await at.publisher.settle()
        await at.publisher.publish({"run.json": b"{}\n"})
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["journal_bytes"] == (run / "journal").stat().st_size
    assert {"review.json", "run.json", "capacity.json"} <= manifest["files"].keys()


async def test_fewer_outcomes_than_flush_every_wait(run: Path) -> None:
    async with bench(run, flush_every=3) as at:
        await at.commit_one_by_one(2)
        assert (at.projection.committed, at.outputs.publications) == (2, 0)


async def test_outcomes_are_published_at_flush_every(run: Path) -> None:
    async with bench(run, flush_every=3) as at, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(at.publisher.run(lambda _counts: None))
        for number in range(3):
            at.publisher.append(commit(number))
        await at.outputs.begun.wait()
        running.cancel()
    assert len(at.shown()) == 3


async def test_publications_grow_rarer_so_that_writing_stays_linear(run: Path) -> None:
    async with bench(run, flush_every=1) as at:
        await at.commit_one_by_one(200)
        # One each up to 20, then one per tenth: 20 * 1.1 ** n passes 200 at n = 25.
        assert 5 <= at.outputs.publications <= 45


async def test_progress_is_told_with_counts(run: Path) -> None:
    told: list[Json] = []
    async with bench(run) as at, asyncio.TaskGroup() as tasks:
        done = asyncio.Event()

        def progress(counts: dict[str, Json]) -> None:
            told.append(counts["review"])
            done.set()

        running = tasks.create_task(at.publisher.run(progress))
        at.publisher.append(commit(0))
        await done.wait()
        running.cancel()
    assert told == [1]


async def test_a_disk_that_takes_no_file_is_a_journal_error_with_a_remedy(run: Path) -> None:
    async with bench(run) as at:
        (run / "capacity.json").mkdir()
        with pytest.raises(JournalError, match="resume"):
            await at.publisher.publish()
