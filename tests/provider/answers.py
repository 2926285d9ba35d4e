"""What the provider says: the answers of the keyword rules, and the prose that models put around them."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from igent import codec
from igent.dialogue.batch import apart, batch_reply
from igent.dialogue.prompts import read_shown
from igent.markets import MARKETS
from igent.models.base import Message, ModelRequest
from igent.models.rules import RulesModel, keyword_judgement
from tests.provider.prompt import CHARACTERS_PER_TOKEN, in_blocks

__all__ = ["Verbosity", "answer_to", "dressed"]

# Nothing but the answer; prose before it, or behind it; or prose behind it for as long as there are tokens.
Verbosity: TypeAlias = Literal["terse", "before", "after", "runaway"]

_PROSE = "Let me weigh {each} offer's terms against what this household asks for, one by one. "
_PROSE_TOKENS = 120


def answer_to(body: bytes) -> str:
    """The reply that the keyword rules give to the body of a request, `{}` where it shows no household."""
    messages: list[dict[str, Any]] = in_blocks(json.loads(body))["messages"]
    texts = ["".join(b["text"] for b in each["content"]) for each in messages if each["role"] == "user"]
    opening = next((text for text in reversed(texts) if text.startswith("TASK\n")), None)
    if opening is None:
        return "{}"
    alone = apart(opening)
    return batch_reply([_answer_about(each) for each in alone]) if alone else _answer_about(opening)


def _answer_about(opening: str) -> str:
    shown = read_shown(opening)
    request = ModelRequest(
        agent="provider",
        kind="critique" if shown.proposal is not None else "match" if shown.task == "match" else "order",
        system="",
        messages=(Message(author="user", text=opening),),
        max_tokens=512,
    )
    return codec.dump(RulesModel(keyword_judgement(MARKETS["sbus"]))._reply(request)).decode()


def dressed(answer: str, verbosity: Verbosity, *, max_tokens: int) -> tuple[str, str]:
    """All that is said, and why it ends there."""
    most = int(max_tokens * CHARACTERS_PER_TOKEN)
    prose = _PROSE * (1 + int(_PROSE_TOKENS * CHARACTERS_PER_TOKEN / len(_PROSE)))
    said = {
        "terse": answer,
        "before": f"{prose}\n\n{answer}",
        "after": f"{answer}\n\n{prose}",
        "runaway": f"{answer}\n\n{_PROSE * (1 + most // len(_PROSE))}",
    }[verbosity]
    return said[:most], "max_tokens" if len(said) > most else "end_turn"
