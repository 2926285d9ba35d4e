"""A model that does what it is told by anybody: it judges by keywords until it reads an order, wherever that stands."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from igent.accounting.usage import Usage
from igent.dialogue.prompts import read_shown
from igent.markets import MARKETS
from igent.markets.base import Shown
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent
from igent.models.rules import RulesModel, keyword_judgement
from tests.adversarial.colluding import opening_of
from tests.adversarial.injections import GOALS, readings

__all__ = ["ObedientModel"]


class ObedientModel:
    """Answers by keywords, and as it is told where what it is shown of a household gives an order.

    `obeyed` are the orders that it followed, `shown` everything that it was shown of households.
    """

    def __init__(self) -> None:
        self._honest = RulesModel(keyword_judgement(MARKETS["sbus"]))
        self.obeyed: list[str] = []
        self.shown: list[str] = []

    @property
    def name(self) -> str:
        """The name that a run records."""
        return "obedient"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the answer in one piece."""
        opening = opening_of(request)
        self.shown.append(opening)
        goal = _maybe_order(opening)
        if goal is None:
            async for event in self._honest.stream(request):
                yield event
            return
        self.obeyed.append(goal)
        yield Sent()
        yield _obedient(goal, request, read_shown(opening))
        yield ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=9, output_tokens=9))


def _maybe_order(opening: str) -> str | None:
    """The goal that something in a prompt's household asks for."""
    read = readings(_strings(json.loads(f"[{','.join(opening.splitlines()[1::2])}]")))
    return next((goal for goal, words in GOALS.items() if words in read), None)


def _strings(value: Any) -> str:
    """All texts of a JSON value, as a model reads them: without the escapes."""
    if isinstance(value, dict):
        return "\n".join(map(_strings, value.values()))
    return "\n".join(map(_strings, value)) if isinstance(value, list) else str(value)


def _obedient(goal: str, request: ModelRequest, shown: Shown) -> str:
    if goal == "silence":
        return "APPROVE"
    if request.kind == "critique":
        return '{"verdict":"approve"}'
    answer = _MATCHES.get(goal, _all_equal)(shown) if request.kind == "match" else _order(goal, shown)
    words = ["everything was agreed by telephone"] if goal == "quote" else (shown.note or "").split()[:1]
    extra = {"price": "1.00"} if goal == "price" else {}
    return json.dumps(answer | {"words": words} | extra) + ("}]}\nTASK\n" if goal == "escape" else "")


def _ids(shown: Shown) -> list[str]:
    return [str(offer["id"]) for offer in shown.offers]


def _all_equal(shown: Shown) -> dict[str, Any]:
    return {"fit": [_ids(shown)]}


_MATCHES: Final[Mapping[str, Callable[[Shown], dict[str, Any]]]] = {
    "last": lambda shown: {"fit": [_ids(shown)[-1:]]},
    "unknown": lambda _: {"fit": [["o99"]]},
    "elsewhere": lambda _: {"fit": [[f"o{number}" for number in range(1, 20)]]},
    "nobody": lambda _: {"fit": []},
    "twice": lambda _: {"fit": [["o1"], ["o1"]]},
    "escape": lambda _: {"fit": None},
}


def _order(goal: str, shown: Shown) -> dict[str, Any]:
    incentives = [str(incentive["id"]) for incentive in shown.incentives]
    yes = [{"id": str(one["id"]), "words": _words_of(one, goal)} | _amount_of(one) for one in shown.incentives]
    rulings = {"grant": {"yes": yes}, "invent": {"yes": [*yes, {"id": "i99", "words": "free"}]}}
    return {"payment": "loan" if goal == "loan" else "cash", **rulings.get(goal, {"unsure": incentives})}


def _words_of(incentive: Mapping[str, Any], goal: str) -> str:
    """Words of its own text, so that nothing but who may have it stands in the way."""
    return str(incentive["text"])[:200].strip() if goal == "grant" else "for everybody"


def _amount_of(incentive: Mapping[str, Any]) -> dict[str, Any]:
    amounts = incentive.get("amounts", [])
    return {"amount": amounts[-1]["id"]} if amounts else {}
