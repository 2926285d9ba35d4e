"""A model whose answers have been agreed on beforehand, by matchers and critics of one mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence

from igent.accounting.usage import Usage
from igent.dialogue.replies import ReplyKind
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent

__all__ = ["AgreedModel"]


class AgreedModel:
    """Gives the answers that were agreed on, of each kind for each household: an agent's, one after the other, again.

    `given` are the answers so far, by kind.
    """

    def __init__(self, agreed: Mapping[tuple[int, ReplyKind], Sequence[str]]) -> None:
        self._agreed, self._asked = agreed, Counter[tuple[int, str]]()
        self.given = list[tuple[ReplyKind, str]]()

    @property
    def name(self) -> str:
        """The name that a run records."""
        return "agreed"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the answer in two pieces."""
        yield Sent()
        answers, turn = self._agreed[request.priority, request.kind], self._asked[request.priority, request.agent]
        self._asked[request.priority, request.agent] += 1
        text = answers[turn % len(answers)]
        self.given.append((request.kind, text))
        yield text[:7]
        yield text[7:]
        yield ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=9, output_tokens=9))
