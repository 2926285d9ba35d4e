"""What goes wrong between igent and the Messages API, as igent's own errors: passing, for good, or until somebody acts.

The SDK's errors are only some of it: past the first byte of a stream the transport's own come through, and those of
decoding whatever was sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import anthropic
import httpx2

from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable

__all__ = ["FAULTS", "mapped"]

# A provider explains itself in a sentence, a gateway before it in a page of HTML.
_MAX_SAID_CHARS = 300

_Trouble = Literal["key", "credit", "permission", "request", "passing"]
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
    "not_found_error": "request",
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
    **dict.fromkeys((408, 409, 425, 429, 499), "passing"),
}
_LOCKS: Mapping[_Trouble, tuple[str, str]] = {
    "key": ("the provider does not accept the key", "Set ANTHROPIC_API_KEY to a valid one"),
    "credit": ("the account has no credit left", "Add credit or raise the spend limit in the provider's console"),
    "permission": ("the key may not be used for this", "Allow it in the provider's console or choose another model"),
}

# What comes out of a stream beside the SDK's errors: those of the transport, and of decoding whatever was sent.
FAULTS = (
    anthropic.AnthropicError,
    httpx2.CookieConflict,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    AssertionError,  # what the SDK takes for granted of a stream
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


def mapped(error: Exception, *, model: str) -> ModelError:
    """The error that one of the SDK's, the transport's or a decoder's is to igent; a plain `ModelError` for any other.

    No header of the request, and so no key, is in its message.
    """
    if isinstance(error, anthropic.APIStatusError):
        return _refusal(error, model)
    cause = error.__cause__ or error
    name = type(cause).__name__
    if isinstance(cause, _UNSENDABLE):
        return ModelRejected(model, f"the request cannot be sent ({name}): check the base URL, the key and the text")
    if isinstance(error, anthropic.CredentialsError | anthropic.WorkloadIdentityError):
        return _locked("key", name, model)
    passing = anthropic.APIError | anthropic.RetryableError
    if isinstance(error, anthropic.AnthropicError) and not isinstance(error, passing):
        return ModelRejected(model, f"the SDK refuses the request ({name})")
    if isinstance(error, FAULTS):
        return ModelUnavailable(model, f"the call broke off ({name})")
    return ModelError(model, f"the call failed ({name})")


def _refusal(error: anthropic.APIStatusError, model: str) -> ModelError:
    """What the provider said in a status, or in the middle of a stream (status 200)."""
    kind, trouble = str(error.type), _trouble(error)
    name = f"{error.status_code} {kind}" if kind in _BY_TYPE else f"{error.status_code}"
    if trouble == "passing":
        return ModelUnavailable(model, f"the provider answers {name}", retry_after_s=_retry_after_s(error.response))
    if trouble == "request":
        return ModelRejected(model, f"the provider rejects the request ({name}): {_said(error)}")
    return _locked(trouble, name, model)


def _trouble(error: anthropic.APIStatusError) -> _Trouble:
    by_status: _Trouble = "request" if error.response.is_client_error else "passing"
    return (
        _BY_CODE.get(str(error.error_code))
        or _BY_TYPE.get(str(error.type))
        or _BY_STATUS.get(error.status_code, by_status)
    )


def _locked(trouble: _Trouble, name: str, model: str) -> ModelLocked:
    problem, remedy = _LOCKS[trouble]
    return ModelLocked(model, f"{problem} ({name})", remedy=remedy)


def _said(error: anthropic.APIStatusError) -> str:
    """The provider's explanation on one line, without the key should it quote that."""
    text = " ".join(str(error.api_message or "it does not say why").split())
    key = error.request.headers.get("authorization", "").removeprefix("Bearer ")
    return (text.replace(key, "[key]") if key else text)[:_MAX_SAID_CHARS]


def _retry_after_s(response: httpx2.Response) -> float | None:
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
