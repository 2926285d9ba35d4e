"""Real processes at a fifth of their price: one that has igent imported forks a child for each command line.

The forking process is single-threaded and holds no file of igent's; each child runs `igent.cli.main` as it would be run
from a shell, in files of its own, and can be killed at any instant.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from tests.reliability.strikes import Strike
from tests.workflows.claude import KEY

__all__ = ["Forks", "forking"]


@dataclass(frozen=True, slots=True)
class Forks:
    """The forking process, from the side of a test."""

    process: subprocess.Popen[str]

    def start(self, arguments: Sequence[object], log: Path, strike: Strike | None = None) -> int:
        """Start `igent` with these arguments, its output appended to `log`; the id of the process.

        It stays that process's own until `wait` has returned for it, so that a signal cannot reach another.
        """
        struck = None if strike is None else strike.as_record()
        return self._told({"run": [*map(str, arguments)], "log": str(log), "strike": struck})

    def wait(self, pid: int) -> int:
        """Wait for its end: its exit code, or minus the number of the signal that it died of."""
        return self._told({"wait": pid})

    def _told(self, command: object) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def forking() -> Iterator[Forks]:
    """A process to fork from, with a key for a provider on loopback."""
    environment = {**os.environ, "ANTHROPIC_API_KEY": KEY}
    command, root = [sys.executable, "-m", "tests.reliability.forks"], Path(__file__).parents[2]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n", "it has not come up"
        yield Forks(process)  # closing its input, as leaving this does, ends it


def _child(arguments: Sequence[str], log: str, strike: dict[str, Any] | None) -> NoReturn:
    code = 70
    try:
        with Path(log).open("ab") as file:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
        if strike is not None:
            Strike(**strike).arm(log)
        code = _igent(arguments)
    finally:
        os._exit(code)  # without taking down an interpreter that is its parent's, which takes 0.4 s


def _igent(arguments: Sequence[str]) -> int:
    from igent.cli import main

    try:
        main(arguments)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _serve() -> None:
    import_module("igent.models.anthropic")
    with tempfile.TemporaryDirectory() as folder:
        _igent(["run", "p1m1m2c", "--mock", "--quiet", "--max-items", "2", "--out", f"{folder}/run"])
    gc.freeze()
    _tell(0)
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            told = os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1])
        else:
            told = os.fork()
            if not told:
                _child(command["run"], command["log"], command["strike"])
        _tell(told)


if __name__ == "__main__":
    _serve()
