"""What Claude's API and its SDK mean by their errors."""

from __future__ import annotations

from collections.abc import Mapping

import anthropic
import httpx2

from igent.errors import ModelError
from igent.models.troubles import STATUSES, Troubles

__all__ = ["FAULTS", "mapped", "told"]

_TROUBLES = Troubles(
    sdk=anthropic.AnthropicError,
    passing=(anthropic.APIError, anthropic.RetryableError),
    # Its codes and types: https://platform.claude.com/docs/en/api/errors (November 2026).
    words={
        "contract_spend_limit_reached": "credit",  # a 429 like a rate limit, but no waiting helps
        "enforced_spend_limit_reached": "credit",
        "organization_on_hold": "permission",
        "api_error": "passing",
        "authentication_error": "key",
        "billing_error": "credit",
        "invalid_request_error": "request",
        "not_found_error": "address",
        "overloaded_error": "overload",
        "permission_error": "permission",
        "rate_limit_error": "rate",
        "request_too_large": "request",
        "timeout_error": "passing",
    },
    statuses=STATUSES,
    key="ANTHROPIC_API_KEY",
    address="ANTHROPIC_BASE_URL",
)
FAULTS = _TROUBLES.faults


def mapped(error: Exception, *, model: str) -> ModelError:
    """The error that one of the SDK's, the transport's or a decoder's is; a plain `ModelError` for any other."""
    if isinstance(error, anthropic.APIStatusError):
        return told(error.body.get("error") if isinstance(error.body, dict) else None, error.response, model=model)
    if isinstance(error, anthropic.CredentialsError | anthropic.WorkloadIdentityError):
        return _TROUBLES.locked("key", type(error).__name__, model=model)
    return _TROUBLES.broken(error, model=model)


def told(error: object, response: httpx2.Response, *, model: str) -> ModelError:
    """The error that a provider tells; in the middle of a stream, whose status is 200, only its words say which."""
    fields: Mapping[object, object] = error if isinstance(error, dict) else {}
    details = fields.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    words, message, status = (code, fields.get("type")), fields.get("message"), response.status_code
    return _TROUBLES.refused(words, message, status=status, response=response, model=model)
