"""`igent explain`: the story of one decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from igent.commands.environment import rim_of

__all__ = ["explain"]


def explain(
    context: typer.Context,
    run_dir: Annotated[Path, typer.Argument(help="The directory of a run.", show_default=False)],
    registration: Annotated[str, typer.Argument(help="Its id, or 'row N' counted from 0.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print the story as JSON.")] = False,
) -> None:
    """Tell the whole story of one decision: facts, prompts, replies, verdicts, choice, prices and their sources."""
    from igent.story.lines import story_lines
    from igent.terminal import show
    from igent.workflows.explain import explain as story_of

    show(story_of(run_dir, registration, rim=rim_of(context)), story_lines, json=json)
