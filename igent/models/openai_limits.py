"""The rate-limit headers of OpenAI-compatible endpoints, in the names and the form that calls are paced by.

https://developers.openai.com/api/docs/guides/rate-limits (November 2026): how long until a limit is whole again is told
as a duration such as `6m0s` or `120ms`; Azure tells whole seconds without a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

__all__ = ["rate_limits"]

# Their tokens are those of prompt and reply together; a prompt here is many times its reply.
_RESOURCES = {"requests": "requests", "tokens": "input-tokens"}
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_MAX_RESET_S = 86_400.0  # the longest period of any limit


def rate_limits(headers: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """The limits among a response's headers, whose names are in lower case, with resets as RFC 3339 moments.

    A limit that is not above 0, as Azure sends where it has none, is passed on: nobody takes it for one.
    """
    found: dict[str, str] = {}
    for theirs, ours in _RESOURCES.items():
        for what in ("limit", "remaining"):
            found[f"anthropic-ratelimit-{ours}-{what}"] = headers.get(f"x-ratelimit-{what}-{theirs}", "")
        if (reset_s := _duration_s(headers.get(f"x-ratelimit-reset-{theirs}", ""))) is not None:
            moment = now + timedelta(seconds=min(reset_s, _MAX_RESET_S))
            found[f"anthropic-ratelimit-{ours}-reset"] = moment.isoformat()
    return found


def _duration_s(text: str) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
