"""Text that came from a file, a model or a provider, as it may be shown: what could act on a terminal is spelt out.

That is whatever Unicode does not call printable: control characters of both sets, among them the escape that begins a
command, marks that turn the direction of writing, invisible characters and foreign line ends.
"""

from __future__ import annotations

import json

__all__ = ["visible", "visible_json"]


def visible(text: str) -> str:
    r"""One line, with every character that a terminal would not show as one written as its escape (`\x1b`)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def visible_json(text: str) -> str:
    r"""JSON of the same value, with what a terminal would not show inside its strings written as `\u001b`."""
    return "\n".join(line if line.isprintable() else "".join(map(_in_json, line)) for line in text.split("\n"))


def _in_json(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]
