"""The early-JSON extractor, fed as a model streams: in chunks of four characters, about one token each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import orjson

from igent.dialogue.extract import JsonExtractor
from profiles.measure import Measurement, Size, alternately

__all__ = ["extractor"]

CHUNK_BYTES = 4
_REPLY = (
    b'{"fit":[["o2","o5"],["o1"]],"words":["no loan, please"],'
    b'"why":"the household asks for black panels, which two of its offers have; the third has them in blue only, at a '
    b'lower price, so it comes last."}'
)
# As long as the longest "why" that a prompt allows for many offers: where the cost of starting over shows.
_LONG_BYTES = 4_000


def extractor(size: Size, _scratch: Path) -> list[Measurement]:
    """A chunk in mid-object and a whole reply, against parsing all that has come again at every chunk."""
    short, long = _chunks(_REPLY), _chunks(_stretched(_LONG_BYTES))
    middle, short_s, long_s, again_s, long_again_s = alternately(
        [
            partial(_fed, long[:-1]),
            partial(_fed, short),
            partial(_fed, long),
            partial(_parsed_again, short),
            partial(_parsed_again, long),
        ],
        seconds=size.seconds,
    )
    reply = f"{len(_REPLY)}-byte reply"
    row = partial(Measurement, suite="extractor")
    return [
        row(what="a 4-character chunk in mid-object", value=middle / (len(long) - 1) * 1e6, unit="us"),
        row(what=f"a {reply} in 4-character chunks", value=short_s * 1e6, unit="us"),
        row(what=f"the {reply}, orjson on the growing prefix", value=again_s * 1e6, unit="us"),
        row(what=f"{reply}: prefix / extractor", value=again_s / short_s, unit="x", better="more"),
        row(
            what=f"{_LONG_BYTES:,}-byte reply: prefix / extractor", value=long_again_s / long_s, unit="x", better="more"
        ),
    ]


def _chunks(reply: bytes) -> list[bytes]:
    return [reply[start : start + CHUNK_BYTES] for start in range(0, len(reply), CHUNK_BYTES)]


def _stretched(length_bytes: int) -> bytes:
    return _REPLY[:-2] + b" and so on" * ((length_bytes - len(_REPLY)) // 10) + _REPLY[-2:]


def _fed(chunks: list[bytes]) -> list[bytes]:
    reader, found = JsonExtractor(), list[bytes]()
    for chunk in chunks:
        found += reader.feed(chunk)
    return found


def _parsed_again(chunks: list[bytes]) -> object:
    prefix = b""
    for chunk in chunks:
        prefix += chunk
        try:
            return orjson.loads(prefix)
        except orjson.JSONDecodeError:
            continue
    return None
