"""Looking at this process while a run goes on: twice a second, which takes about half a thousandth of a core."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from igent.accounting.spans import Clock
from igent.accounting.vitals import MEMORY_BYTES, Sample, Vitals, Warned

__all__ = ["PERIOD_S", "Watch", "memory_bound", "resident_bytes"]

# A loop that is held up for longer than this and the bound together is seen for certain, for less by chance.
PERIOD_S = 0.5

# Where memory is limited, what is left then is for what files and the kernel take beside the process.
_SHARE = 0.8
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Watch:
    """Keeps the vitals of this process, from `clock`, and tells what is past its bound; knows no earlier process."""

    def __init__(
        self,
        clock: Clock,
        tell: Callable[[Warned], None],
        *,
        sleep: Callable[[float], Awaitable[None]],
        resident: Callable[[], int],
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._clock, self._tell, self._sleep, self._resident = clock, tell, sleep, resident
        self.vitals = Vitals(memory_bytes=memory_bytes)

    async def run(self) -> None:
        """Look until cancelled."""
        self.look()
        while True:
            due_s = self._clock() + PERIOD_S
            await self._sleep(PERIOD_S)
            self.look(due_s=due_s)

    def look(self, *, due_s: float | None = None) -> None:
        """Look once, which was to be done when the clock said `due_s`."""
        now = self._clock()
        lag_us = max(0, round((now - due_s) * 1e6)) if due_s is not None else 0
        sample = Sample(at_us=round(now * 1e6), memory_bytes=self._resident(), lag_us=lag_us)
        for warned in self.vitals.add(sample):
            self._tell(warned)


def resident_bytes() -> int:
    """The memory of this process now; its peak where the system tells no more."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def memory_bound() -> int:
    """From where on memory is worth a warning: a bound of our own, or most of what this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits = [soft] if soft != resource.RLIM_INFINITY else []
    for path in map(Path, _LIMITS):
        text = path.read_text("ascii").strip() if path.is_file() else ""
        limits += [int(text)] if text.isdecimal() else []
    return min([MEMORY_BYTES, *(int(limit * _SHARE) for limit in limits)])
