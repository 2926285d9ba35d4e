"""Runs one command, on one core where that is named, and prints what it took as JSON: `begun_s` of the monotonic clock,
`wall_s`, `cpu_s`, `peak_bytes`. `launcher.py CORE COMMAND ...`, with `-` for any core; the exit code is the command's.

A process of its own, run without site packages: on Linux the peak that a child reports is at least the memory of the
process that started it, so it is started by one of a few megabytes.
"""

from __future__ import annotations

import json
import os
import sys
import time

__all__ = ["main"]

_PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def main(core: str, command: list[str]) -> int:
    """Run the command, its output going to stderr."""
    if core != "-" and sys.platform == "linux":
        os.sched_setaffinity(0, {int(core)})  # what is started begins there too
    begun_s = time.monotonic()
    to_stderr = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=to_stderr)
    _, status, used = os.wait4(process, 0)
    spent = {
        "begun_s": begun_s,
        "wall_s": time.monotonic() - begun_s,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * _PEAK_UNIT_BYTES,
    }
    sys.stdout.write(json.dumps(spent))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
