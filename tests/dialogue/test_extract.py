"""The extractor's promises: every example is fed whole, byte by byte and with more behind it."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from igent.dialogue.extract import MAX_DEPTH, MAX_OBJECT_BYTES, JsonExtractor

FIT = '{"fit":[["o2","o5"],["o1"]],"why":"least words"}'
ORDER = (
    '{"payment":"cash","yes":["i1"],"no":["i2:o1"],"words":[],'
    '"why":"El señor pidió pagar al contado 🌞 y \\u00e9l \\"vivirá\\" aquí {aún}"}'
)

# The reply, and its objects in order; None: the reply is one object.
REPLIES: dict[str, tuple[str, list[str] | None]] = {
    "a decision alone": (FIT, [FIT]),
    "an order with accents and emoji": (ORDER, [ORDER]),
    "the empty object": ("{}", ["{}"]),
    "a Markdown fence": (f"Here it is:\n```json\n{FIT}\n```\nDone.", [FIT]),
    "two decisions and prose between": (f"{FIT}\nNo, wait: {ORDER} APPROVE", [FIT, ORDER]),
    "two decisions and nothing between": (FIT + ORDER, [FIT, ORDER]),
    "braces in prose": (f"use {{curly}} braces {{}}}} like {{ this: {FIT}", ["{}", FIT]),
    "a stray brace right before": ("{" + FIT + "}", [FIT]),
    "a stray brace that looks like a beginning": ('{"a": ' + FIT + " and so on", [FIT]),
    "quotes and apostrophes in prose": (f'it\'s "so" {{"don\'t {FIT}', [FIT]),
    "a quoted brace in prose": (f'an opening "{{" comes first: {FIT}', [FIT]),
    "strings full of braces, quotes and escapes": (r'{"}{":"\"}\\\/\b\f\n\r\t{[","\\":"\ud83d\ude00"}', None),
    "all kinds of values": ('{"a":[true,false,null,[],{},[{"b":[1]}],-0,"x"],"c":{"d":{}}}', None),
    "all kinds of numbers": ('{"n":[0,-1,10,1.5,-0.25,1e9,1E+05,2.0e-7,-0 ,0.0,120]}', None),
    "a number before each delimiter": ('{"a":1,"b":[2],"c":3\n,"d":4}', None),
    "white space wherever it may be": ('{ \t\r\n"a" : [ 1 , "x" , [ ] , { } ] , "b" : { "c" : null } }', None),
    "an element of an array": ('[{"a":1}, {"b":2}]', ['{"a":1}', '{"b":2}']),
    "the whole object inside a broken one": ('{"a":{"b":1},}', ['{"b":1}']),
    "repeated keys": ('{"a":1,"a":2}', None),
    "numbers and literals that JSON has not": ('{"a":NaN} {"a":-Infinity} {"a":True} {"a":0x1} {"a":1.}', []),
    "no object at all": ("Nothing suits. [1, 2] 'x' }", []),
    "no input": ("", []),
}

# Each breaks the grammar with its last byte and not before.
VIOLATIONS = [
    "{a", "{1", "{,", "{]", '{"a"}', '{"a",', '{"a" 1', '{"a":}', '{"a":,', '{"a":]', '{"a":1]', '{"a":1 2', '{"a":1,}',
    '{"a":1,,', '{"a":1,2', '{"a":"b" "', '{"a":[}', '{"a":[,', '{"a":[1,]', '{"a":[1}', '{"a":[1 2', '{"a":[1:',
    '{"a":01', '{"a":-x', '{"a":--', '{"a":+', '{"a":.', '{"a":1.x', '{"a":1.}', '{"a":1..', '{"a":1.5.', '{"a":1ee',
    '{"a":1e}', '{"a":1e+-', '{"a":1e+}', '{"a":1e5.', '{"a":1e5e', '{"a":1x', '{"a":0x', '{"a":0:', '{"a":-00',
    '{"a":N', '{"a":I', '{"a":-I', '{"a":t ', '{"a":tR', '{"a":falsy', '{"a":ni', '{"a":nulll', '{"a":truef',
    "{'", '{"a\n', '{"a\x00', '{"a":"\t', '{"a":"b\x1f', '{"a":"\\x', '{"a":"\\u12g', '{"a":"\\u123"', '{"a":"\\U',
    "{\v", '{"a"\f',
]  # fmt: skip


def fed(text: bytes, *cuts: int) -> tuple[list[bytes], bool, bool]:
    """What comes of `text` cut at `cuts`: the objects, then whether text trails and whether an object is open."""
    extractor = JsonExtractor()
    bounds = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    found = [each for start, end in pairwise(bounds) for each in extractor.feed(text[start:end])]
    return found, extractor.trailing_text, extractor.open_object


def found_in(text: str | bytes) -> list[bytes]:
    """The objects of `text`, the same whole, byte by byte, and with more text behind."""
    data = text.encode() if isinstance(text, str) else text
    whole = fed(data)
    assert fed(data, *range(len(data))) == whole
    assert fed(data + b" \xc3\xb1, {then} [more")[0] == whole[0]
    return whole[0]


def candidates_by_parser(text: str) -> list[bytes]:
    """What a JSON parser finds that is started at each brace in turn."""
    found, start, parser = [], text.find("{"), json.JSONDecoder()
    while start >= 0:
        try:
            end = parser.raw_decode(text, start)[1]
            found.append(text[start:end].encode())
        except json.JSONDecodeError:
            end = start + 1
        start = text.find("{", end)
    return found


CUTS = st.lists(st.integers(0, 2000), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(),
    st.dictionaries(st.text(max_size=8), VALUES, max_size=4),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
SCRAPS = [
    "{", "}", "{", '"', '"', ":", ",", "[", "]", " ", "\n", "\\", '\\"', "\\u00e9", "ñ", "🌞", "a", "1", "0", "-",
    ".5", "e1", "true", "null", "fal", "{}", '{"a":', '"a":1', '{"b":[1]}', '":"', '","', '":{"', "```json\n",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join)

HOSTILE = [
    b"{" * 1_000_000, b'{"a":' * 10_000, b'{"' * 50_000, b'{"a":"{",":",":' * 10_000, b'{"a":[{},' * 10_000,
    b'{"' + b"a" * 1_000_000, b'{"a":' + b"1" * 1_000_000, b"{" + b" " * 1_000_000, b"prose " * 100_000,
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REPLIES.values(), ids=REPLIES.keys())
def test_each_reply_yields_its_objects(text: str, expected: list[str] | None) -> None:
    objects = [text] if expected is None else expected
    assert found_in(text) == [each.encode() for each in objects]


@pytest.mark.parametrize("text", VIOLATIONS)
def test_a_violation_abandons_the_candidate_at_once_and_hides_nothing(text: str) -> None:
    data = text.encode()
    assert (fed(data[:-1]), fed(data)) == (([], True, True), ([], True, False))
    assert found_in(text + FIT) == [FIT.encode()]


def test_an_object_is_reported_in_the_call_that_brings_its_closing_brace() -> None:
    extractor = JsonExtractor()
    assert [extractor.feed(FIT[:-1].encode()), extractor.feed(b"}")] == [[], [FIT.encode()]]


@pytest.mark.parametrize("text", [FIT, ORDER, '{"a":[tr', '{"a":-', '{"a":1.', '{"a":1e', '{"a":"\\u00', "{ "])
def test_a_truncated_object_is_open_and_never_reported(text: str) -> None:
    data = text.encode()
    for end in range(1, len(data) if text[-1] == "}" else len(data) + 1):
        assert fed(data[:end]) == ([], True, True)


@given(OBJECTS, CUTS)
def test_no_proper_prefix_of_an_object_yields_anything(text: bytes, cuts: list[int]) -> None:
    assert fed(text, *cuts) == ([text], False, False)
    extractor = JsonExtractor()
    for end in range(1, len(text)):
        assert (extractor.feed(text[end - 1 : end]), extractor.open_object) == ([], True)


@given(SOUP, OBJECTS, SOUP, CUTS)
def test_how_the_input_is_cut_changes_nothing(before: str, text: bytes, after: str, cuts: list[int]) -> None:
    reply = before.encode() + text + after.encode()
    assert fed(reply, *cuts) == fed(reply)


@given(st.text().map(lambda prose: prose.replace("{", "(")), OBJECTS, SOUP)
def test_the_first_object_after_prose_without_braces_is_reported_first(prose: str, text: bytes, after: str) -> None:
    assert fed(prose.encode() + text + after.encode())[0][0] == text


@given(SOUP, CUTS)
@example('{"a":{"b":"{","c":{"d":1},"e":', [])
def test_the_answer_is_that_of_a_parser_started_at_each_brace(soup: str, cuts: list[int]) -> None:
    text = soup + "\0"  # which no candidate survives, so that none is left waiting for more
    assert fed(text.encode(), *cuts) == (candidates_by_parser(text), True, False)


@pytest.mark.parametrize(
    ("after", "trailing"), [("", False), (" \t\r\n", False), ("\v", True), ("\n.", True), (" {", True), ("}", True)]
)
def test_trailing_text_is_anything_but_white_space_since_the_last_object(after: str, trailing: bool) -> None:
    assert fed(f"Well: {FIT}{after}".encode())[1] == trailing


def test_trailing_text_before_any_object_counts_from_the_start_and_stays() -> None:
    assert [fed(text)[1] for text in (b"", b" \n", b" I")] == [False, False, True]
    assert fed(b"I  ", 1, 2)[1]
    assert fed(b"{" + b" " * MAX_OBJECT_BYTES) == ([], True, False)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_an_object_that_is_not_utf8_is_abandoned_but_not_what_it_contains(bad: bytes) -> None:
    assert found_in(b'{"a":"' + bad + b'","b":{"c":1}} ' + FIT.encode()) == [b'{"c":1}', FIT.encode()]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_an_object_of_exactly_the_bound_in_bytes_is_reported_and_a_longer_one_is_not(chunk: int) -> None:
    for over, expected in ((0, 1), (1, 0)):
        text = b'{"a":"%s"}' % (b"x" * (100 - 8 + over))
        extractor = JsonExtractor(max_object_bytes=100)
        found = [each for at in range(0, len(text), chunk) for each in extractor.feed(text[at : at + chunk])]
        assert (len(found), extractor.open_object) == (expected, False)


def test_what_a_too_long_object_contains_is_still_reported() -> None:
    text = b'{"a":{"b":1},"c":"' + b"x" * MAX_OBJECT_BYTES + b'"}'
    assert fed(text)[0] == fed(text, *range(0, len(text), 1000))[0] == [b'{"b":1}']


@pytest.mark.parametrize(("begin", "end"), [('{"a":', "}"), ("[", "]")])
def test_depth_counts_every_container_and_is_bounded(begin: str, end: str) -> None:
    objects = [('{"a":' + begin * inside + "0" + end * inside + "}").encode() for inside in (MAX_DEPTH - 1, MAX_DEPTH)]
    inner = objects[1].removeprefix(b'{"a":').removesuffix(b"}") if begin != "[" else None
    assert [found_in(each) for each in objects] == [objects[:1], [inner] if inner else []]


@pytest.mark.parametrize("chunk", [64, 1_000_000])
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].decode())
def test_hostile_input_is_passed_over_in_bounded_memory(text: bytes, chunk: int) -> None:
    extractor, held = JsonExtractor(), 0
    for start in range(0, len(text), chunk):
        extractor.feed(text[start : start + chunk])
        held = max(held, len(extractor._buffer))
    assert held < MAX_OBJECT_BYTES


@pytest.mark.timeout(10)  # a tenth of a second; were it read again for every chunk, the time would be quadratic
@pytest.mark.parametrize("begin", [b'{"', b'{"a":"', b'{"a":1', b'{"a":1.1', b'{"a":1e1', b"{"])
def test_what_earlier_chunks_brought_is_not_read_again(begin: bytes) -> None:
    extractor = JsonExtractor(max_object_bytes=4_000_000)
    chunk = b" " * 16 if begin == b"{" else b"1" * 16
    for each in (begin, *[chunk] * 100_000):
        assert extractor.feed(each) == []
    assert extractor.open_object


def test_one_huge_chunk_is_not_held_twice() -> None:
    text = b'{"' + b"a" * (64 * MAX_OBJECT_BYTES)
    extractor = JsonExtractor()
    tracemalloc.start()
    try:
        extractor.feed(text)
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_OBJECT_BYTES
    finally:
        tracemalloc.stop()


def test_an_object_after_hostile_input_is_found() -> None:
    assert fed(b'{"a":' * 1000 + b"." + FIT.encode())[0] == [FIT.encode()]
