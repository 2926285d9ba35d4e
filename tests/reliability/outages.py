"""Power failures tried one after the other: what each may leave is gone on with by the real code, and judged."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from igent.errors import IgentError
from igent.store.disk import Disk
from igent.workflows import resume
from tests.reliability.disks import Ended, Quick
from tests.reliability.power import Platter, states
from tests.reliability.recorder import Change, Event, Recorder
from tests.reliability.tiny import Resume, Seen, Tiny
from tests.reliability.trees import Tree, digest, write_tree

__all__ = ["Outages", "as_it_is"]

_RUN = Path("runs", "one")


def as_it_is(recorder: Recorder) -> Disk:
    """No mutant."""
    return recorder


@dataclass
class Outages:
    """Tries states in directories below `folder`; `wrong` are the recoveries that were, with what was wrong.

    `mutant` goes between the run that fails and its disk, and `resuming` is how that goes on; whoever goes on after the
    last failure is right. Nothing else is begun once `enough` have been tried, or one was wrong.
    """

    tiny: Tiny
    folder: Path
    draw: Random
    mutant: Callable[[Recorder], Disk] = as_it_is
    resuming: Resume = resume
    enough: int = sys.maxsize
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    _known: set[bytes] = field(default_factory=set)

    def first(self, *, each: int) -> None:
        """A failure at any moment of a run, with about so many states for each."""
        platter, log = self._recorded(self._place("first"))
        for tree, seen in self._after(log, platter, Seen(), each=each):
            self._judge(tree, seen)

    def second(self, *, each: int, every: int) -> None:
        """Another one while somebody goes on after the first, for one in `every` so many states that it has left."""
        platter, log = self._recorded(self._place("first"))
        for tree, seen in islice(self._after(log, platter, Seen(), each=2), 0, None, every):
            if self.tried >= self.enough:
                return
            root = self._place("second")
            write_tree(tree, root)
            again, more = self._recorded(root, tree)
            for later, then in self._after(more, again, seen, each=each):
                self._judge(later, then)

    def ended(self, code: int, *, each: int, at: Iterable[int]) -> None:
        """One while somebody goes on after a process that has ended `at` an operation, or at a sync that failed."""
        for number in at:
            if self.tried >= self.enough:
                return
            root = self._place("ended")
            root.mkdir()
            recorder = Recorder(Ended(Quick(), code, at=number), root)
            try:
                self.tiny.recorded(root / _RUN, recorder, through=recorder)
            except IgentError:
                before = [*recorder.log]
            else:
                return
            recorder.inner, platter, seen = Quick(), Platter(root), Seen()
            for change in before:
                platter.fold(change)
                seen = seen.after(change)
            self._go_on(root, recorder)
            for tree, then in self._after(recorder.log[len(before) :], platter, seen, each=each):
                self._judge(tree, then)

    def _recorded(self, root: Path, tree: Tree | None = None) -> tuple[Platter, list[Change]]:
        """What was on disk below a root, and what a process that goes on there does to it."""
        root.mkdir(exist_ok=True)
        platter = Platter(root, tree)
        recorder = Recorder(Quick(), root, platter.entries())
        self._go_on(root, recorder)
        return platter, recorder.log

    def _go_on(self, root: Path, recorder: Recorder) -> None:
        self.tiny.recorded(root / _RUN, recorder, through=self.mutant(recorder), resuming=self.resuming)

    def _after(self, log: Iterable[Change], platter: Platter, seen: Seen, *, each: int) -> Iterator[tuple[Tree, Seen]]:
        """What a failure may leave, each tree once and with the most that was promised before it: from the end on."""
        moments = []
        for change in log:
            platter.fold(change)
            seen = seen.after(change)
            if not isinstance(change, Event):
                moments.append((platter.copy(), seen))
            elif moments:
                moments[-1] = moments[-1][0], seen
        for moment, promised in reversed(moments):
            for tree in states(moment, self.draw, most=each):
                if (which := digest(tree)) not in self._known:
                    self._known.add(which)
                    yield tree, promised

    def _judge(self, tree: Tree, seen: Seen) -> None:
        if self.wrong:
            return
        root = self._place("judged")
        write_tree(tree, root)
        self.tried += 1
        self.wrong += list(self.tiny.problems(root / _RUN, seen))

    def _place(self, name: str) -> Path:
        """An empty place."""
        root = self.folder / name
        shutil.rmtree(root, ignore_errors=True)
        return root
