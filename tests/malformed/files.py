"""Whole files that are refused, made from a sound one: its bytes in, those of the broken file out."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping

__all__ = ["FILES"]

Break = Callable[[bytes], bytes]


def _zipped(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("data.json", data)
    return target.getvalue()


def _always(data: bytes) -> Break:
    return lambda _: data


_UTF_16 = "UTF-16 text. Save it as UTF-8"
_MORE = "not JSON: (more behind the end of the array|unexpected|trailing)|neither an array"
_KIND = "not JSON|neither an array|is a text|is a number|is true|is missing|holds no"

# By name: what makes it, and what its refusal says.
FILES: Mapping[str, tuple[Break, str]] = {
    "nothing": (_always(b""), "empty"),
    "spaces": (_always(b"   "), "white space"),
    "line ends": (_always(b"\r\n\n\t"), "white space"),
    "a byte order mark": (_always(b"\xef\xbb\xbf"), "empty"),
    "a byte order mark and a space": (_always(b"\xef\xbb\xbf \n"), "white space"),
    "two byte order marks": (lambda data: b"\xef\xbb\xbf" * 2 + data, "not JSON"),
    "a byte order mark behind a space": (lambda data: b" \xef\xbb\xbf" + data, "not JSON"),
    "utf-16": (lambda data: data.decode().encode("utf-16"), _UTF_16),
    "utf-16-le": (lambda data: data.decode().encode("utf-16-le"), _UTF_16),
    "utf-16-be": (lambda data: data.decode().encode("utf-16-be"), _UTF_16),
    "utf-16-be with a mark": (lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"), _UTF_16),
    "utf-32": (lambda data: data.decode().encode("utf-32"), _UTF_16),
    "utf-32-be": (lambda data: data.decode().encode("utf-32-be"), "binary data"),
    "utf-7": (lambda data: "Ω".encode("utf-7") + data, "not JSON"),
    "ebcdic": (lambda data: data.decode().encode("cp037"), "not UTF-8"),
    "gzip": (gzip.compress, "compressed with gzip. Unpack it with gunzip"),
    "zip": (_zipped, "a ZIP archive or an Excel workbook"),
    "zstd": (_always(b"\x28\xb5\x2f\xfd\x04\x00"), "zstd"),
    "NULs": (_always(bytes(4096)), "binary data"),
    "png": (_always(b"\x89PNG\r\n\x1a\n\0\0\0"), "not UTF-8"),
    "pdf": (_always(b"%PDF-1.7\n"), "not JSON"),
    "html": (_always(b"<!doctype html><title>Sign in</title>"), "not JSON"),
    "xml": (_always(b'<?xml version="1.0"?><rows/>'), "not JSON"),
    "csv": (_always(b"RegistrationNumber,Contact_Zip\nR1,52901\n"), "not JSON"),
    "yaml": (_always(b"- RegistrationNumber: R1\n  Contact_Zip: 52901\n"), "not JSON"),
    "toml": (_always(b"[[rows]]\nid = 1\n"), "not JSON"),
    "python": (_always(b"[{'RegistrationNumber': 'R1'}]"), "not JSON"),
    "javascript": (lambda data: b"var rows = " + data + b";", "not JSON"),
    "json with a callback": (lambda data: b"rows(" + data + b")", "not JSON"),
    "json with a guard": (lambda data: b")]}'\n" + data, "not JSON"),
    "a large-file pointer": (_always(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "not JSON"),
    "a conflict": (lambda data: b"<<<<<<< HEAD\n" + data + b"\n=======\n", "not JSON"),
    "a comment before": (lambda data: b"// export\n" + data, "not JSON"),
    "a comment behind": (lambda data: data + b"\n// end", _MORE),
    "a word before": (lambda data: b"x" + data, "not JSON"),
    "a word behind": (lambda data: data + b"x", _MORE),
    "a comma before": (lambda data: b"," + data, "not JSON"),
    "a comma behind": (lambda data: data + b",", _MORE),
    "a bracket before": (lambda data: b"]" + data, "not JSON"),
    "a bracket behind": (lambda data: data + b"]", _MORE),
    "a brace behind": (lambda data: data + b"}", _MORE),
    "a NUL behind": (lambda data: data + b"\0", _MORE),
    "a control-Z behind": (lambda data: data + b"\x1a", _MORE),
    "NULs behind, as a crash leaves them": (lambda data: data + bytes(4096), _MORE),
    "twice": (lambda data: data + data, _MORE),
    "twice on two lines": (lambda data: data + b"\n" + data, _MORE),
    "an array and lines": (lambda data: data + b'\n{"a": 1}\n{"a": 2}\n', _MORE),
    "an array of arrays that is open": (lambda data: b"[" + data, "not JSON"),
    "a comma before the end": (lambda data: data[:-1] + b",]", "not JSON"),
    "a comma at the start": (lambda data: b"[," + data[1:], "not JSON"),
    "no comma between rows": (lambda data: data.replace(b"},", b"}", 1), "not JSON"),
    "two commas between rows": (lambda data: data.replace(b"},", b"},,", 1), "not JSON"),
    "a semicolon between rows": (lambda data: data.replace(b"},", b"};", 1), "not JSON"),
    "an ellipsis": (lambda data: data[:-1] + b", ...]", "not JSON"),
    "the wrong bracket": (lambda data: data[:-1] + b"}", "not JSON"),
    "no bracket": (lambda data: data[:-1], "not JSON"),
    "no first bracket": (lambda data: data[1:], "not JSON|neither an array"),
    "a quarter": (lambda data: data[: len(data) // 4], "not JSON"),
    "a half": (lambda data: data[: len(data) // 2], "not JSON"),
    "all but a bit": (lambda data: data[:-9], "not JSON"),
    "its first byte": (lambda data: data[:1], "not JSON"),
    "its second half": (lambda data: data[len(data) // 2 :], "not JSON"),
    "a quote too few": (lambda data: data.replace(b'":', b":", 1), "not JSON"),
    "a flipped bit": (lambda data: data.replace(b'"', b'\xa2', 1), "not UTF-8"),
    "tags around": (lambda data: b"<pre>" + data + b"</pre>", "not JSON"),
    "quoted as a text": (lambda data: b'"' + data.replace(b'"', b'\\"') + b'"', _KIND),
    "in an open object": (lambda data: b'{"rows": ' + data, "not JSON"),
    "in an object with a comma": (lambda data: b'{"rows": ' + data + b",}", "not JSON|neither an array"),
    "in an object that closes twice": (lambda data: b'{"rows": ' + data + b"}}", "not JSON"),
    "in an object without a key": (lambda data: b"{" + data + b"}", "not JSON"),
    "in two members of one name": (lambda data: b'{"r": ' + data + b', "r": ' + data + b"}", "has already|neither"),
    "a number": (_always(b"17"), _KIND),
    "a text": (_always(b'"registrations.json"'), _KIND),
    "true": (_always(b"true"), _KIND),
    "an infinite number": (_always(b"1e999"), "not JSON"),
    "NaN": (_always(b"NaN"), "not JSON"),
    "brackets without end": (_always(b"[" * 100_000), "not JSON"),
    "braces without end": (_always(b'{"a":' * 100_000), "not JSON|neither an array"),
    "a quote without end": (_always(b'["' + b"a" * 100_000), "not JSON"),
}  # fmt: skip
