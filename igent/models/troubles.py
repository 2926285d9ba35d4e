"""What goes wrong between igent and a provider, as igent's own errors: passing, for good, or until somebody acts.

Each provider's module says what its words mean; what they come to is said here. An SDK's errors are only some of it:
past the first byte of a stream the transport's own come through, and those of decoding whatever was sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import httpx2

from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable

__all__ = ["STATUSES", "Troubles", "quoted"]

_Trouble: TypeAlias = Literal["address", "key", "credit", "permission", "request", "rate", "overload", "passing"]

# What comes out of a stream beside an SDK's errors: those of the transport, and of decoding whatever was sent.
_BREAKS = (
    httpx2.CookieConflict,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    AssertionError,  # what an SDK takes for granted
    OSError,
    RecursionError,  # JSON that is nested too deep
    ValueError,  # no UTF-8, no JSON, a number past Python's limit
)
_UNSENDABLE = (
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
    httpx2.TooManyRedirects,
    httpx2.UnsupportedProtocol,
    UnicodeEncodeError,
)
_UNREACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

# What a status says where no word says more.
STATUSES: Mapping[int, _Trouble] = {
    401: "key",
    402: "credit",
    403: "permission",
    404: "address",
    **dict.fromkeys((408, 409, 425, 499), "passing"),
    429: "rate",
    529: "overload",
}
_THROTTLES: Mapping[_Trouble, Literal["rate", "overload"]] = {"rate": "rate", "overload": "overload"}
_LOCKS: Mapping[_Trouble, tuple[str, str]] = {
    "address": ("there is no such model or address", "Look at the model's name and at {address}"),
    "key": ("the provider does not accept the key", "Set {key} to a valid one"),
    "credit": ("the account has no credit left", "Add credit or raise the spend limit in the provider's console"),
    "permission": ("the key may not be used for this", "Allow it in the provider's console or choose another model"),
}

# A provider explains itself in a sentence, a gateway before it in a page of HTML.
_MAX_QUOTED_CHARS = 300
# Longer than the names of fields and models, shorter than anything a household would say of itself.
_ECHO_CHARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What the errors of one SDK and of the provider behind it mean.

    Of those of the SDK, `passing` are worth another try. `key` and `address` name what is to be set right.
    """

    sdk: type[Exception]
    passing: tuple[type[Exception], ...]
    words: Mapping[str, _Trouble]
    statuses: Mapping[int, _Trouble]
    key: str
    address: str

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """Every error that a call can meet."""
        return (self.sdk, *_BREAKS)

    def broken(self, error: Exception, *, model: str) -> ModelError:
        """The error that one of the SDK's, the transport's or a decoder's is; a plain `ModelError` for any other.

        No header of the request, and so no key, is in its message.
        """
        cause = error.__cause__ or error
        name = type(cause).__name__
        if isinstance(cause, _UNSENDABLE):
            problem = f"the request cannot be sent ({name}): check the base URL, the key and the text"
            return ModelRejected(model, problem)
        if isinstance(error, self.sdk) and not isinstance(error, self.passing):
            return ModelRejected(model, f"the SDK refuses the request ({name})")
        if isinstance(error, self.faults):
            return ModelUnavailable(model, f"the call broke off ({name})", unread=isinstance(cause, _UNREACHED))
        return ModelError(model, f"the call failed ({name})")

    def refused(
        self, words: Iterable[object], message: object, *, status: int, response: httpx2.Response, model: str
    ) -> ModelError:
        """The error that a response or its stream tells in these words, the most exact first, or else by a status."""
        by_status = self.statuses.get(status, "request" if 300 <= status < 500 else "passing")
        word = next((word for word in map(str, words) if word in self.words), None)
        trouble, name = (self.words[word], f"{status} {word}") if word else (by_status, str(status))
        if trouble in _LOCKS:
            return self.locked(trouble, name, model=model)
        if trouble == "request":
            said = quoted(message, response.request)
            return ModelRejected(model, f"the provider rejects the request ({name}): {said}")
        return ModelUnavailable(
            model,
            f"the provider answers {name}",
            retry_after_s=_retry_after_s(response.headers),
            throttle=_THROTTLES.get(trouble) or _THROTTLES.get(by_status),
            unread=response.status_code >= 400,
        )

    def locked(self, trouble: _Trouble, name: str, *, model: str) -> ModelLocked:
        """The error of an account that has to be seen to."""
        problem, remedy = _LOCKS[trouble]
        return ModelLocked(model, f"{problem} ({name})", remedy=remedy.format(key=self.key, address=self.address))


def quoted(text: object, request: httpx2.Request) -> str:
    """What a provider said, on one line of at most 300 characters, unless it quotes the key or the prompt."""
    line = " ".join(str(text or "it does not say why").split())[:_MAX_QUOTED_CHARS]
    keys = (request.headers.get("authorization", "").removeprefix("Bearer "), request.headers.get("x-api-key", ""))
    sent = request.content.decode("utf-8", "replace")
    echoed = any(line[at : at + _ECHO_CHARS] in sent for at in range(len(line) - _ECHO_CHARS + 1))
    return "it quotes the request" if echoed or any(key and key in line for key in keys) else line


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    exact_ms = _number(headers.get("retry-after-ms"))
    return _number(headers.get("retry-after")) if exact_ms is None else exact_ms / 1_000


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
