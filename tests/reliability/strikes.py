"""Signals at named points: a process of the command line that sends them to itself as soon as it gets there.

A point is a function of igent, entered or gone on with for the n-th time. The first signal comes in the middle of it,
on whichever thread that is; the others follow after a moment each, which the process may spend there, busy.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["GAP_S", "Strike", "sent_s"]

GAP_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Signals to send at the `nth` call of `at`, a file and its function, which then takes `busy_s`."""

    at: str
    signals: Sequence[int]
    nth: int = 1
    busy_s: float = 0.0

    def as_record(self) -> dict[str, Any]:
        return asdict(self)

    def arm(self, log: str) -> None:
        """Have this process struck; when it was, on the system's monotonic clock, is written beside its log."""
        file, _, name = self.at.partition(":")
        left = self.nth

        def seen(frame: FrameType, event: str, _: object) -> None:
            nonlocal left
            code = frame.f_code
            if event == "call" and code.co_name == name and code.co_filename.endswith(file):
                left -= 1
                if left == 0:
                    threading.setprofile(None)
                    sys.setprofile(None)
                    self._strike(Path(f"{log}.sent"))

        threading.setprofile(seen)
        sys.setprofile(seen)

    def _strike(self, sent: Path) -> None:
        def send(number: int) -> None:
            with sent.open("a") as file:
                file.write(f"{time.monotonic()}\n")
            os.kill(os.getpid(), number)

        def follow() -> None:
            for number in self.signals[1:]:
                time.sleep(GAP_S)
                send(number)

        send(self.signals[0])
        threading.Thread(target=follow, daemon=True).start()
        time.sleep(self.busy_s)


def sent_s(log: Path) -> list[float]:
    """When the signals were sent."""
    sent = Path(f"{log}.sent")
    return [float(line) for line in sent.read_text().splitlines()] if sent.exists() else []
