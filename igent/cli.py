"""The command line: its commands, the environment that they see, and the code that each ends with."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from igent import __version__
from igent.commands.constellations import constellations
from igent.commands.doctor import doctor
from igent.commands.environment import say
from igent.commands.explain import explain
from igent.commands.review import review
from igent.commands.run import run
from igent.commands.verify import verify
from igent.commands.whatif import what_if
from igent.errors import ConstellationError, ExitCode, IgentError, InputError, OptionError
from igent.interrupts import Interrupts

__all__ = ["COLLECT_AT", "app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Match households to suppliers after a collective-purchase auction, and prove every match.",
)
for _command in (constellations, doctor, run, verify, explain, review, what_if):
    app.command()(_command)

# Next to nothing here is garbage in a cycle. To look for it at every 700 objects, as Python does, took 1.8 of the 13.6
# seconds of CPU of 6,000 registrations; at every 100,000 0.1 s and no more memory. What is imported is 300,000 objects:
# at every 400,000, and through all of them at every five million or so, a first call does not wait for it either.
COLLECT_AT = (400_000, 10, 1)

_USAGE = (InputError, ConstellationError, OptionError)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    gc.set_threshold(*COLLECT_AT)
    atexit.register(gc.freeze)  # a last look for garbage takes 0.2 s after a run on Claude, a tenth of `--help`
    try:
        with Interrupts(lambda: "igent: interrupted"):
            app(args=list(arguments) if arguments is not None else None, prog_name="igent", obj=os.environ)
    except IgentError as exc:
        say(f"igent: {exc}")
        sys.exit(ExitCode.USAGE if isinstance(exc, _USAGE) else ExitCode.STOPPED)
    except Exception:  # noqa: BLE001  # whatever reaches this is a bug, and says so
        for line in traceback.format_exc().splitlines():
            say(line)
        say("igent: this is a bug; the run, if one had begun, can be resumed")
        sys.exit(ExitCode.BUG)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit
