"""Values that no input file may hold anywhere: what is no JSON, and what is JSON and can be read in two ways."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["VALUES", "refused_values"]

# How the codec names them; only that a rule has its own words is of interest here.
_SYNTAX = "not JSON"
_UTF_8 = "a byte that is not UTF-8. Save it as UTF-8"
_TWICE = "a key that its object has already"
_DEEP = "nested deeper than 64 levels|depth limit exceeded"
_WIDE = "a whole number of more than 64 bits"

_NUMBERS = """
    NaN nan -NaN Infinity -Infinity +Infinity inf 1e999 -1e999 1E400 0x10 0b1 0o7 01 -01 00 +1 .5 -.5 1. 1.e5 1e 1e+ 1E-
    1e1.5 1.2.3 - -- --1 1_000 1'000 12a 1d 1f 1e5x $5 5% ٣ \uff11 ½ ∞ 1٣
"""
_WORDS = """
    True FALSE None nul nulls nill undefined yes on text _ `text` 'text' <a> (1) =1 @ ; / \\ ~ ! ? * & ^ | a:b :
"""
_STRUCTURES = """
    [1,] [,1] [,] [1,,2] [1_2] [1:2] [ ] [1 [[1] [1}} {"a":1] { } {"a"} {"a":} {"a":1,} {,} {a:1} {'a':1} {1:2} {null:1}
    {true:1} {[]:1} {"a"::1} {"a":1,,"b":2} {"a":1;"b":2} {"a"=1} {"a":1"b":2} {:1} {"a","b"} {"a":1:2} {{}} [{]
    //c /*c*/1 1/*c*/ #c
"""
_TEXTS = r"""
    " "a \" "\" "\x41" "\a" "\'" "\0" "\u" "\u12" "\u12G4" "\U00e9" "\ud800" "\udc00" "\ud800\ud800" "\ud800x"
    "\ud800\u0041" "\udc00\ud800" "\uD83D" "a"b" "a""b" "a"+"b"
"""
_RAW = {
    "a tab in a text": b'"a\tb"',
    "a line end in a text": b'"a\nb"',
    "a NUL in a text": b'"a\0b"',
    "an escape in a text": b'"\x1b[31m"',
    "a no-break space": b"\xc2\xa01",
    "a line separator": b"\xe2\x80\xa81",
    "a byte order mark": b"\xef\xbb\xbf1",
    "a form feed": b"\x0c1",
    "a vertical tab": b"\x0b1",
    "a NUL": b"\0",
    "two numbers": b"1 2",
    "two texts": b'"a" "b"',
    "a space in a number": b"- 1",
    "quotation marks of a word processor": "“a”".encode(),
}
_BYTES = {
    "latin-1": b'"Ros\xe9"',
    "windows-1252": b'"\x93a\x94"',
    "a lone continuation": b'"\x80"',
    "an overlong slash": b'"\xc0\xaf"',
    "an overlong NUL": b'"\xe0\x80\x80"',
    "a surrogate": b'"\xed\xa0\x80"',
    "a surrogate pair": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "past the last character": b'"\xf4\x90\x80\x80"',
    "five bytes": b'"\xf8\x88\x80\x80\x80"',
    "half a character": b'"\xe2\x82"',
    "ff": b'"\xff"',
    "fe": b"\xfe",
}
_DOUBLE = {
    "twice": b'{"a":1,"a":2}',
    "twice the same": b'{"a":1,"a":1}',
    "escaped": rb'{"a":1,"\u0061":2}',
    "an escaped colon": rb'{"a:":1,"a\u003a":2}',
    "hidden by an escaped colon": rb'{"a":"\u003a","a":2}',
    "without a name": b'{"":1,"":2}',
    "accented": rb'{"\u00e9":1,' + '"é":2}'.encode(),
    "below": b'{"a":{"b":1,"b":2}}',
    "in an array": b'[{"a":1},{"a":1,"b":2,"a":3}]',
    "far apart": b'{"a":0,' + b"".join(b'"k%d":%d,' % (n, n) for n in range(300)) + b'"a":1}',
    "with spaces": b'{"a" : 1, "a"\n:2}',
    "beside colons": b'{"a":"::","a":":"}',
}
_DEPTHS = {
    "arrays": b"[" * 63 + b"]" * 63,
    "objects": b'{"a":' * 63 + b"1" + b"}" * 63,
    "both": b'[{"a":' * 40 + b"1" + b"}]" * 40,
    "past what is written": b"[" * 300 + b"]" * 300,
    "past what is parsed": b"[" * 2_000 + b"]" * 2_000,
    "without an end": b"[" * 50_000,
}
_WIDES = ["18446744073709551616", "-9223372036854775809", "1" + "0" * 30, "-" + "9" * 40, "9" * 64]


def refused_values() -> Iterator[tuple[str, bytes, str]]:
    """Each value with a name and what its refusal says, as a pattern."""
    for text in (one for table in (_NUMBERS, _WORDS, _STRUCTURES, _TEXTS) for one in table.split()):
        yield text, text.replace("1_2", "1 2").encode(), _SYNTAX
    for table, problem in ((_RAW, _SYNTAX), (_BYTES, _UTF_8), (_DOUBLE, _TWICE), (_DEPTHS, _DEEP)):
        yield from ((name, value, problem) for name, value in table.items())
    yield from ((text[:20], text.encode(), _WIDE) for text in _WIDES)
    yield "a fraction without end", b"0." + b"3" * 63, "a number of more than 64 characters"


VALUES = tuple(refused_values())
