"""What OpenAI-compatible endpoints and the SDK mean by their errors.

Endpoints agree on the form of an error more than on its words, so few words count; the status decides the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import openai

from igent.errors import ModelError
from igent.models.troubles import STATUSES, Troubles

__all__ = ["FAULTS", "mapped", "told"]

_TROUBLES = Troubles(
    sdk=openai.OpenAIError,
    passing=(openai.APIError,),
    # Codes and types that say more than the status they come with (November 2026):
    # https://developers.openai.com/api/docs/guides/error-codes, https://docs.z.ai/api-reference/api-code.
    words={
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
    },
    statuses={**STATUSES, 503: "overload"},
    key="OPENAI_API_KEY",
    address="the base URL",
)
FAULTS = _TROUBLES.faults
# What types stand for where there is no status.
_STATUS_BY_TYPE: Mapping[str, int] = {
    "authentication_error": 401,
    "invalid_request_error": 400,
    "rate_limit_error": 429,
}


def mapped(error: Exception, *, model: str) -> ModelError:
    """The error that one of the SDK's, the transport's or a decoder's is; a plain `ModelError` for any other."""
    if isinstance(error, openai.APIStatusError):
        return told(error.body, error.response, model=model)
    return _TROUBLES.broken(error, model=model)


def told(error: object, response: httpx2.Response, *, model: str) -> ModelError:
    """The error that an endpoint tells; in the middle of a stream its code or its type stands for a status."""
    fields: Mapping[object, object] = error if isinstance(error, dict) else {"message": error}
    code, kind, status = fields.get("code"), fields.get("type"), response.status_code
    if status < 300:
        status = code if isinstance(code, int) and 400 <= code < 600 else _STATUS_BY_TYPE.get(str(kind), 500)
    return _TROUBLES.refused((code, kind), fields.get("message"), status=status, response=response, model=model)
