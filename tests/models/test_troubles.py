"""What is repeated of what a provider explains; what its errors come to is shown over sockets, one by one."""

from __future__ import annotations

import httpx2
import pytest

from igent.models.troubles import quoted


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("max_tokens is\ntoo large", "max_tokens is too large"),
        (None, "it does not say why"),
        ("odd words: no panels above the porch please", "it quotes the request"),
        ("what is sk-secret for?", "it quotes the request"),
        ("x" * 1_000, "x" * 300),
    ],
)
def test_what_a_provider_says_is_repeated_unless_it_repeats_the_request(said: str | None, told: str) -> None:
    body = {"text": "no panels above the porch please"}
    request = httpx2.Request("POST", "http://127.0.0.1", headers={"x-api-key": "sk-secret"}, json=body)
    assert quoted(said, request) == told
