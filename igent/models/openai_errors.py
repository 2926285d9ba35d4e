"""What goes wrong between igent and an OpenAI-compatible endpoint, as igent's own errors.

Endpoints agree on the form of an error more than on its words, so few words count; the status decides the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import httpx2
import openai

from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable
from igent.models.streams import BREAKS, UNREACHED, UNSENDABLE, quoted, seconds_told

__all__ = ["FAULTS", "mapped", "told"]

_Trouble = Literal["address", "key", "credit", "permission", "request", "rate", "overload", "passing"]
# Codes and types that say more than the status they come with:
# https://developers.openai.com/api/docs/guides/error-codes, https://docs.z.ai/api-reference/api-code (November 2026).
_BY_WORD: Mapping[str, _Trouble] = {
    "account_deactivated": "permission",
    "billing_hard_limit_reached": "credit",
    "billing_not_active": "credit",
    "credit_balance_exhausted": "credit",
    "insufficient_quota": "credit",  # a 429 like a rate limit, but no waiting helps
    "1113": "credit",
    "invalid_api_key": "key",
    "rate_limit_exceeded": "rate",
    "engine_overloaded_error": "overload",
    "overloaded_error": "overload",
    "server_is_overloaded": "overload",
    "slow_down": "overload",
}
# In the middle of a stream there is no status; these types then stand for one.
_STATUS_BY_TYPE: Mapping[str, int] = {
    "authentication_error": 401,
    "invalid_request_error": 400,
    "rate_limit_error": 429,
}
_BY_STATUS: Mapping[int, _Trouble] = {
    401: "key",
    402: "credit",
    403: "permission",
    404: "address",
    **dict.fromkeys((408, 409, 425, 499), "passing"),
    429: "rate",
    **dict.fromkeys((503, 529), "overload"),
}
_LOCKS: Mapping[str, tuple[str, str]] = {
    "address": ("there is no such model or address", "Look at the model's name and at the base URL"),
    "key": ("the endpoint does not accept the key", "Set OPENAI_API_KEY to a valid one"),
    "credit": ("the account has no credit left", "Add credit or raise the spend limit in the provider's console"),
    "permission": ("the key may not be used for this", "Allow it in the provider's console or choose another model"),
}

FAULTS = (openai.OpenAIError, *BREAKS)


def mapped(error: Exception, *, model: str) -> ModelError:
    """The error that one of the SDK's, the transport's or a decoder's is to igent; a plain `ModelError` for any other.

    No header of the request, and so no key, is in its message.
    """
    if isinstance(error, openai.APIStatusError):
        return _refusal(_fields(error.body), error.status_code, error.response, model=model)
    cause = error.__cause__ or error
    name = type(cause).__name__
    if isinstance(cause, UNSENDABLE):
        return ModelRejected(model, f"the request cannot be sent ({name}): check the base URL, the key and the text")
    if isinstance(error, openai.OpenAIError) and not isinstance(error, openai.APIError):
        return ModelRejected(model, f"the SDK refuses the request ({name})")
    if isinstance(error, FAULTS):
        return ModelUnavailable(model, f"the call broke off ({name})", unread=isinstance(cause, UNREACHED))
    return ModelError(model, f"the call failed ({name})")


def told(error: object, response: httpx2.Response, *, model: str) -> ModelError:
    """The error that an endpoint tells in the middle of a stream."""
    fields = _fields(error)
    match fields.get("code"):
        case int(code) if 400 <= code < 600:
            status = code
        case _:
            status = _STATUS_BY_TYPE.get(str(fields.get("type")), 500)
    return _refusal(fields, status, response, model=model)


def _fields(error: object) -> dict[str, object]:
    return dict(error) if isinstance(error, dict) else {"message": error}


def _refusal(fields: Mapping[str, object], status: int, response: httpx2.Response, *, model: str) -> ModelError:
    word = next((word for key in ("code", "type") if (word := str(fields.get(key))) in _BY_WORD), None)
    by_status = _BY_STATUS.get(status, "request" if status < 500 else "passing")
    trouble, name = _BY_WORD[word] if word else by_status, f"{status} {word}" if word else f"{status}"
    if trouble in _LOCKS:
        problem, remedy = _LOCKS[trouble]
        return ModelLocked(model, f"{problem} ({name})", remedy=remedy)
    if trouble == "request":
        said = quoted(fields.get("message"), response.request)
        return ModelRejected(model, f"the endpoint rejects the request ({name}): {said}")
    throttle: Literal["rate", "overload"] | None = trouble if trouble in ("rate", "overload") else None
    problem = f"the endpoint answers {name}"
    wait_s, unread = _retry_after_s(response.headers), response.status_code >= 400
    return ModelUnavailable(model, problem, retry_after_s=wait_s, throttle=throttle, unread=unread)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    exact_ms = seconds_told(headers.get("retry-after-ms"))
    return seconds_told(headers.get("retry-after")) if exact_ms is None else exact_ms / 1_000
