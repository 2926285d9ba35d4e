"""What goes wrong between igent and the Messages API, as igent's own errors: passing, for good, or until somebody acts.

The SDK's errors are only some of it: past the first byte of a stream the transport's own come through, and those of
decoding whatever was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import anthropic
import httpx2

from igent.domain.records import Json
from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable
from igent.models.streams import BREAKS, UNREACHED, UNSENDABLE, quoted, seconds_told

__all__ = ["FAULTS", "mapped", "told"]

_Trouble = Literal["address", "key", "credit", "permission", "request", "passing"]
# The provider's codes, types and statuses (https://platform.claude.com/docs/en/api/errors), the most exact one first.
_BY_CODE: Mapping[str, _Trouble] = {
    "contract_spend_limit_reached": "credit",  # a 429 like a rate limit, but no waiting helps
    "enforced_spend_limit_reached": "credit",
    "organization_on_hold": "permission",
}
_BY_TYPE: Mapping[str, _Trouble] = {
    "api_error": "passing",
    "authentication_error": "key",
    "billing_error": "credit",
    "invalid_request_error": "request",
    "not_found_error": "address",
    "overloaded_error": "passing",
    "permission_error": "permission",
    "rate_limit_error": "passing",
    "request_too_large": "request",
    "timeout_error": "passing",
}
_BY_STATUS: Mapping[int, _Trouble] = {
    401: "key",
    402: "credit",
    403: "permission",
    404: "address",
    **dict.fromkeys((408, 409, 425, 429, 499), "passing"),
}
_LOCKS: Mapping[_Trouble, tuple[str, str]] = {
    "address": ("there is no such model or address", "Look at the model's name and at ANTHROPIC_BASE_URL"),
    "key": ("the provider does not accept the key", "Set ANTHROPIC_API_KEY to a valid one"),
    "credit": ("the account has no credit left", "Add credit or raise the spend limit in the provider's console"),
    "permission": ("the key may not be used for this", "Allow it in the provider's console or choose another model"),
}

FAULTS = (anthropic.AnthropicError, *BREAKS)


def mapped(error: Exception, *, model: str) -> ModelError:
    """The error that one of the SDK's, the transport's or a decoder's is to igent; a plain `ModelError` for any other.

    No header of the request, and so no key, is in its message.
    """
    if isinstance(error, anthropic.APIStatusError):
        return _refusal(_fields(error.body), error.status_code, error.response, model=model)
    cause = error.__cause__ or error
    name = type(cause).__name__
    if isinstance(cause, UNSENDABLE):
        return ModelRejected(model, f"the request cannot be sent ({name}): check the base URL, the key and the text")
    if isinstance(error, anthropic.CredentialsError | anthropic.WorkloadIdentityError):
        return _locked("key", name, model)
    passing = anthropic.APIError | anthropic.RetryableError
    if isinstance(error, anthropic.AnthropicError) and not isinstance(error, passing):
        return ModelRejected(model, f"the SDK refuses the request ({name})")
    if isinstance(error, FAULTS):
        return ModelUnavailable(model, f"the call broke off ({name})", unread=isinstance(cause, UNREACHED))
    return ModelError(model, f"the call failed ({name})")


def told(error: Mapping[str, Json], response: httpx2.Response, *, model: str) -> ModelError:
    """The error that a provider tells in the middle of a stream, whose own status is 200."""
    return _refusal(dict(error), response.status_code, response, model=model)


def _fields(body: object) -> dict[str, object]:
    """What the body of an error says: its type, message and, in details, its code."""
    error = body.get("error") if isinstance(body, dict) else None
    return {str(key): value for key, value in error.items()} if isinstance(error, dict) else {}


def _refusal(fields: Mapping[str, object], status: int, response: httpx2.Response, *, model: str) -> ModelError:
    kind, trouble = str(fields.get("type")), _trouble(fields, status)
    name = f"{status} {kind}" if kind in _BY_TYPE else f"{status}"
    if trouble == "passing":
        problem, wait_s = f"the provider answers {name}", seconds_told(response.headers.get("retry-after"))
        throttle, unread = _throttle(kind, status), status >= 400
        return ModelUnavailable(model, problem, retry_after_s=wait_s, throttle=throttle, unread=unread)
    if trouble == "request":
        said = quoted(fields.get("message"), response.request)
        return ModelRejected(model, f"the provider rejects the request ({name}): {said}")
    return _locked(trouble, name, model)


def _throttle(kind: str, status: int) -> Literal["rate", "overload"] | None:
    """Whether the provider asks for fewer calls; in the middle of a stream only the type says so."""
    if kind == "rate_limit_error" or status == 429:
        return "rate"
    return "overload" if kind == "overloaded_error" or status == 529 else None


def _trouble(fields: Mapping[str, object], status: int) -> _Trouble:
    details = fields.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    by_status: _Trouble = "request" if 400 <= status < 500 else "passing"
    return _BY_CODE.get(str(code)) or _BY_TYPE.get(str(fields.get("type"))) or _BY_STATUS.get(status, by_status)


def _locked(trouble: _Trouble, name: str, model: str) -> ModelLocked:
    problem, remedy = _LOCKS[trouble]
    return ModelLocked(model, f"{problem} ({name})", remedy=remedy)
