"""Reading documents and files of rows: shapes, places of errors, and what a large file costs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
import tracemalloc
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.domain.records import Json
from igent.errors import InputError
from igent.store.rows import CHUNK_BYTES, ROW_BYTES
from igent.store.source import (
    BATCH_ROWS,
    DOCUMENT_BYTES,
    BadRow,
    Row,
    RowFile,
    read_document,
    read_documents,
)

DATA = Path(__file__).parents[2] / "../shared/data"
ROWS: list[Json] = [{"Id": 1, "Price": 1.5}, {"Id": 2, "Notes": "café ☀"}, {"Id": 3, "Zip": ["55401", None]}]

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(data: bytes) -> Path:
        path = tmp_path / "rows.json"
        path.write_bytes(data)
        return path

    return write


async def rows_of(path: Path) -> list[Row]:
    return [row async for batch in RowFile(path).batches() for row in batch.rows]


def lines_of(rows: list[Json]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(ROWS).encode(),
        b"\n " + json.dumps(ROWS, indent=2, ensure_ascii=False).encode() + b"\n",
        b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
        json.dumps({"registrations": ROWS}).encode() + b" \n",
        b"\xef\xbb\xbf" + json.dumps({"registrations": ROWS}, indent=1).encode(),
        lines_of(ROWS),
        b"\xef\xbb\xbf" + lines_of(ROWS).rstrip(),
        lines_of(ROWS).replace(b"\n", b"\r\n\r\n"),
    ],
    ids=["array", "indented", "marked", "object", "marked-object", "lines", "marked-lines", "crlf-and-empty-lines"],
)
async def test_every_shape_gives_the_same_rows(write: Write, data: bytes) -> None:
    assert await rows_of(write(data)) == ROWS


@pytest.mark.parametrize(
    ("data", "base"),
    [(b"[1]", ""), (b'{"a/b~c": [1]}', "/a~1b~0c"), (b'{"": [1]}', "/"), (b'{"Id": 1}\n{"Id": 2}', "")],
)
async def test_a_batch_names_the_pointer_of_its_array(write: Write, data: bytes, base: str) -> None:
    batches = [batch async for batch in RowFile(write(data)).batches()]
    assert [batch.base for batch in batches] == [base]


@pytest.mark.parametrize("count", [0, 1, BATCH_ROWS, BATCH_ROWS + 1])
async def test_batches_are_full_but_the_last(write: Write, count: int) -> None:
    file = RowFile(write(json.dumps(list(range(count))).encode()))
    batches = [(batch.first_row, len(batch.rows)) async for batch in file.batches()]
    assert batches == [(first, min(BATCH_ROWS, count - first)) for first in range(0, count, BATCH_ROWS)]


@pytest.mark.parametrize("data", [json.dumps(ROWS).encode(), b"\xef\xbb\xbf" + lines_of(ROWS)], ids=["array", "lines"])
async def test_a_file_is_read_anew_each_time_and_its_hash_is_of_every_byte(write: Write, data: bytes) -> None:
    file = RowFile(write(data))
    passes = [[row async for batch in file.batches() for row in batch.rows] for _ in range(3)]
    assert passes == [ROWS] * 3
    assert file.sha256 == hashlib.sha256(data).hexdigest()


async def test_an_iteration_that_stops_early_leaves_no_hash(write: Write) -> None:
    file = RowFile(write(json.dumps(list(range(BATCH_ROWS + 1))).encode()))
    async with aclosing(file.batches()) as batches:
        await anext(batches)
    assert file.sha256 is None


@pytest.mark.parametrize("suffix", [".jsonl", ".NDJSON"])
async def test_a_suffix_makes_one_line_json_lines(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(b'{"Id": 1}\n')
    assert await rows_of(path) == [{"Id": 1}]


async def test_a_bad_line_is_one_bad_row_and_the_rest_goes_on(write: Write) -> None:
    rows = await rows_of(write(b'{"Id": 1}\n\n{"Id": 2,}\n{"Id": 3}'))
    assert [row for row in rows if not isinstance(row, BadRow)] == [{"Id": 1}, {"Id": 3}]
    assert isinstance(rows[1], BadRow)
    assert rows[1].line == 3
    assert rows[1].problem.startswith("not JSON at column 9: ")


@pytest.mark.parametrize("size", [ROW_BYTES, ROW_BYTES + 1, 3 * ROW_BYTES])
async def test_a_line_past_the_bound_is_a_bad_row(write: Write, size: int) -> None:
    long = b'{"Notes": "' + b"x" * (size - 13) + b'"}'
    rows = await rows_of(write(b'{"Id": 1}\n' + long + b'\n{"Id": 3}'))
    assert isinstance(rows[1], BadRow) is (size > ROW_BYTES)
    assert [rows[0], *rows[2:]] == [{"Id": 1}, {"Id": 3}]


async def test_a_streamed_row_past_the_bound_is_an_error_after_the_last_good_row(write: Write) -> None:
    path = write(b'[{"Id": 0}, {"Id": 1}, {"Notes": "' + b"x" * 3 * ROW_BYTES + b'"}]')
    with pytest.raises(InputError, match="a row longer than 1048576 bytes") as caught:
        await rows_of(path)
    assert caught.value.place == "line 1, column 23, after row 1"


@pytest.mark.parametrize(
    ("data", "place", "problem"),
    [
        (b"", "", "empty"),
        (b" \n", "", "white space"),
        (b"\xef\xbb\xbf", "", "empty"),
        (b"\x1f\x8b\x08\x00", "byte 0", "gzip"),
        ("[1]".encode("utf-16"), "byte 0", "UTF-16"),
        ("[1]".encode("utf-16-le"), "byte 0", "UTF-16"),
        ("[1]".encode("utf-16-be"), "byte 0", "UTF-16"),
        (b'{"Id": 1}', "top level", "neither an array"),
        (b'{"a": 1, "b": [2]}', "top level", "neither an array"),
        (b'"text"', "top level", "neither an array"),
    ],
)
async def test_a_file_of_another_kind_is_refused_by_its_start(
    write: Write, data: bytes, place: str, problem: str
) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        await rows_of(write(data))
    assert caught.value.place == place


BROKEN = [
    (b'[{"Id": 0},\n {"Id": 1},\n {"Id"', "line 3, column 7", "after row 1", "unexpected end of data"),
    (b'[{"Id": 0},\n {"Id": NaN}]', "line 2, column 9", "after row 0", "unexpected character"),
    (b"[-Infinity]", "line 1, column 3", "in row 0", "no digit"),
    (b'["\xff"]', "line 1, column 3", "in row 0", "not UTF-8. Save it as UTF-8"),
    (b'[0,\n"\xed\xa0\x80"]', "line 2, column 2", "after row 0", "not UTF-8"),
    (b"[0, 1] 2", "line 1, column 8", "after row 1", "more behind the end of the array"),
    (b'{"a": [0, 1]', "line 1, column 13", "after row 1", "not closed"),
    (b'{"a": [0, 1]}}', "line 1, column 14", "after row 1", "more behind the end of the array"),
    (b'[{"\xc3\xa9": 1}, {"\xc3\xa9": 1, "\\u00e9": 2}]', "line 1, column 21", "after row 0", "a key that its"),
    (b"[0, 18446744073709551616]", "line 1, column 5", "after row 0", "more than 64 bits"),
]


@pytest.mark.parametrize(("data", "line", "row", "problem"), BROKEN)
async def test_broken_json_is_named_by_line_and_column_and_in_rows_by_the_last_good_one(
    write: Write, data: bytes, line: str, row: str, problem: str
) -> None:
    path = write(data)
    with pytest.raises(InputError, match=f"not JSON: .*{problem}") as caught:
        await rows_of(path)
    assert caught.value.place == f"{line}, {row}"
    with pytest.raises(InputError, match="not JSON: ") as caught:
        await read_document(path)
    assert caught.value.place.startswith(line.split(",")[0])


async def test_the_place_is_exact_in_a_later_chunk(write: Write) -> None:
    good = b",\n".join(b'{"Id": %d}' % row for row in range(50_000))
    assert len(good) > 2 * CHUNK_BYTES
    with pytest.raises(InputError) as caught:
        await rows_of(write(b'{"a": [' + good + b',\n{"Id": ]}'))
    assert caught.value.place == "line 50001, column 8, after row 49999"


async def test_a_message_holds_nothing_of_the_file(write: Write) -> None:
    with pytest.raises(InputError) as caught:
        await rows_of(write(b'[{"Name": "Jane Doe"}, {"Name": "Jane Doe" "Jane Doe"}]'))
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "problem"), [("none.json", "No such file"), ("", "a directory"), ("file.json/x", "Not a directory")]
)
async def test_a_path_that_is_no_file_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file.json").write_bytes(b"[]")
    path = tmp_path / name
    for reading in (rows_of(path), read_document(path)):
        with pytest.raises(InputError, match=problem) as caught:
            await reading
        assert caught.value.file == str(path)


async def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        await rows_of(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
async def test_a_file_without_permission_is_refused(write: Write) -> None:
    path = write(b"[]")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        await rows_of(path)


@pytest.mark.parametrize("value", [{"SupplierOffers": []}, [1], "text", None, {"a": 1, "b": [2]}])
async def test_a_document_is_any_json_value_with_its_hash(write: Write, value: Json) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(value).encode()
    document = await read_document(write(data))
    assert (document.name, document.value) == ("rows.json", value)
    assert document.sha256 == hashlib.sha256(data).hexdigest()


async def test_a_document_of_json_lines_is_a_list_and_refuses_a_bad_line(write: Write) -> None:
    assert (await read_document(write(lines_of(ROWS).rstrip()))).value == ROWS
    with pytest.raises(InputError, match="not JSON at column 2") as caught:
        await read_document(write(b'{"Id": 1}\n{x\n'))
    assert caught.value.place == "line 2"


async def test_a_document_past_the_bound_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as sparse:
        sparse.truncate(DOCUMENT_BYTES + 1)
    with pytest.raises(InputError, match=str(DOCUMENT_BYTES + 1)):
        await read_document(path)


async def test_documents_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps(name))
    documents = await read_documents(tmp_path / "b", None, tmp_path / "a")
    assert [document and document.value for document in documents] == ["b", None, "a"]


async def test_the_first_bad_path_is_the_error_and_no_group(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(b"[")
    with pytest.raises(InputError, match=re.escape("bad.json, line 1")):
        await read_documents(tmp_path / "bad.json", tmp_path / "none.json")


def json_rows() -> st.SearchStrategy[list[Json]]:
    leaves: st.SearchStrategy[Json] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(1 - 2**63, 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
    keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return st.lists(
        st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=12), max_size=8
    )


@settings(max_examples=60, deadline=None)
@given(rows=json_rows(), ascii_only=st.booleans(), key=st.none() | st.sampled_from(["registrations", "a.item", 'q"\\']))
def test_rows_are_what_was_written(rows: list[Json], ascii_only: bool, key: str | None) -> None:
    text = json.dumps(rows if key is None else {key: rows}, ensure_ascii=ascii_only)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        path.write_text(text, encoding="utf-8")
        found = asyncio.run(rows_of(path))
    assert repr(found) == repr(rows)  # unlike ==, repr tells 1 from 1.0 and 0.0 from -0.0


@pytest.mark.parametrize("number", ["1", "1.50", "1e5", "1E2", "-0", "-0.0", "1e-400", "0.1", "123456789.123456789"])
async def test_a_number_is_of_the_same_type_in_rows_and_documents(write: Write, number: str) -> None:
    path = write(f"[{number}]".encode())
    assert repr(await rows_of(path)) == repr((await read_document(path)).value)


@pytest.mark.parametrize("wrapped", [True, False])
async def test_a_large_array_is_read_in_bounded_memory(tmp_path: Path, wrapped: bool) -> None:
    path, row = tmp_path / "rows.json", json.dumps({"Id": 1, "Notes": "x" * 6_000}).encode()
    path.write_bytes((b'{"a": [' if wrapped else b"[") + b", ".join([row] * 3_500) + (b"]}" if wrapped else b"]"))
    tracemalloc.start()
    count = 0
    async for batch in RowFile(path).batches():
        count += len(batch.rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_500
    assert path.stat().st_size > 20 * 2**20 > 2 * peak  # some batches of 1.5 MB, and a chunk


@pytest.mark.skipif(not (DATA / "mn1").is_dir(), reason="the sample data is not here")
@pytest.mark.parametrize("name", ["registrations.json", "registrations-41zips.json"])
async def test_the_sample_registrations_are_read(name: str) -> None:
    path = DATA / "mn1" / name
    rows = await rows_of(path)
    assert rows == json.loads(path.read_bytes())


@pytest.mark.skipif(not (DATA / "mn1").is_dir(), reason="the sample data is not here")
async def test_the_sample_offers_and_incentives_are_documents() -> None:
    paths = [DATA / "mn1" / "offers.json", DATA / "mn1" / "incentives.json"]
    documents = await read_documents(*paths)
    assert [document and document.value for document in documents] == [json.loads(p.read_bytes()) for p in paths]
