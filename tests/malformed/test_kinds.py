"""What is no file of JSON at all, what is too large, and what is no longer what it was: refused by the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from igent.cli import main
from igent.errors import InputError, RunStopped
from igent.store.source import BATCH_ROWS, FILE_BYTES, RowFile, read_document
from igent.workflows.plan import load, plan_rows, survey
from tests.malformed.test_refused import EACH_ROLE, SOUND, given, verdict
from tests.workflows.runs import AS_OF, SAMPLE, many, write

Make = Callable[[Path], object]


def sparse(size: int) -> Make:
    """A file of that many bytes that takes no room."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b'[{"RegistrationNumber": "')
            file.truncate(size)

    return make


KINDS: dict[str, tuple[Make, str]] = {
    "a directory": (Path.mkdir, "a directory. Name a JSON or JSON Lines file"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a terminal's end": (lambda path: path.symlink_to("/dev/null"), "not a regular file"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "a file past 4 GiB": (sparse(FILE_BYTES + 1), "4294967297 bytes, of at most"),
}


def arguments(role: str, path: Path, *more: str) -> list[str]:
    files = {
        "registrations": SAMPLE.registrations,
        "offers": SAMPLE.offers,
        "incentives": SAMPLE.incentives,
        role: path,
    }
    return [
        "run",
        "p1m1_p2m2",
        "--mock",
        "--as-of",
        str(AS_OF),
        *(str(x) for r, p in files.items() for x in (f"--{r}", p)),
        *more,
    ]


@EACH_ROLE
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_ends_with_2_and_no_run(
    kind: str, role: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, problem = KINDS[kind]
    make(tmp_path / "broken.json")
    with pytest.raises(SystemExit) as caught:
        main(arguments(role, tmp_path / "broken.json", "--out", str(tmp_path / "run")))
    told = capfd.readouterr().err
    assert (caught.value.code, problem in told, (tmp_path / "run").exists()) == (2, True, False), told


@pytest.mark.parametrize("kind", ["latin-1", "utf-16", "a pipe", "a directory"])
@pytest.mark.parametrize("role", ["constellation", "prices", "decisions"])
def test_small_files_are_held_to_their_kind_and_encoding(
    kind: str, role: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / {"constellation": "broken.yaml", "prices": "broken.json", "decisions": "broken.csv"}[role]
    texts = {"latin-1": "# ros\u00e9".encode("latin-1"), "utf-16": "# ros\u00e9".encode("utf-16")}
    path.write_bytes(texts[kind]) if kind in texts else KINDS[kind][0](path)
    out = tmp_path / "run"
    commands = {
        "constellation": ["run", str(path), "--mock", "--out", str(out)],
        "prices": arguments("offers", SAMPLE.offers, "--prices", str(path), "--out", str(out)),
        "decisions": ["review", str(out), "--decisions", str(path), "--by", "Kim"],
    }
    with pytest.raises(SystemExit) as caught:
        main(commands[role])
    told = capfd.readouterr().err
    assert (caught.value.code, path.name in told, out.exists()) == (2, True, False), told


@pytest.mark.parametrize("option", ["--capacity", "--prices"])
@pytest.mark.parametrize(
    "data", [b'[{"a": 1, "a": 2}]', b"\xff\xfe[\0", b"[NaN]", b""], ids=["twice", "utf-16", "nan", "empty"]
)
def test_the_other_files_are_held_to_the_same(
    option: str, data: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.json").write_bytes(data)
    with pytest.raises(SystemExit) as caught:
        main(arguments("offers", SAMPLE.offers, option, str(tmp_path / "broken.json"), "--out", str(tmp_path / "run")))
    told = capfd.readouterr().err
    assert (caught.value.code, "broken.json" in told, (tmp_path / "run").exists()) == (2, True, False), told


def test_the_process_itself_refuses_in_bounded_memory_and_quotes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(SOUND["offers"][:-1] + b', {"Name": "Jane Doe' + b"x" * (30 << 20))
    program = (
        "import resource, sys; from igent.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (500 << 20, 500 << 20))\n"
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, *arguments("offers", path, "--out", str(tmp_path / "run"))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "broken.json, line 1, column" in ended.stderr
    assert "Jane" not in ended.stderr
    assert not (tmp_path / "run").exists()


async def test_a_row_without_end_is_refused_after_a_megabyte(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(SOUND["registrations"][:-1] + b', {"Name": "' + b"x" * (40 << 20))
    tracemalloc.start()
    said = await verdict(given("registrations", path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert re.search(r"line 1, column \d+, after row 2: not JSON: a row longer than 1048576 bytes", said), said
    assert path.stat().st_size > 40 << 20 > peak


async def test_a_file_of_more_than_4_gib_is_read_where_somebody_says_so(tmp_path: Path) -> None:
    sparse(FILE_BYTES + 1)(tmp_path / "rows.json")
    with pytest.raises(InputError, match="control character"):
        async for _ in RowFile(tmp_path / "rows.json", allow_large=True).batches():
            pass


async def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", list(range(200_000)))
    batches = RowFile(path).batches()
    await anext(batches)
    with path.open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match="changed while it was read"):
        async for _ in batches:
            pass


async def test_a_file_that_changes_between_two_readings_stops_the_run_before_a_changed_row_is_judged(
    tmp_path: Path,
) -> None:
    path = many(tmp_path, times=10).registrations
    settings = given("registrations", path)
    inputs = await load(settings)
    found = await survey(inputs, settings)
    rows = plan_rows(inputs, found, settings)
    await anext(rows)
    path.write_bytes(path.read_bytes()[:-1] + b" ]")
    with pytest.raises(RunStopped, match="changed while it was read"):
        async for _ in rows:
            pass
    assert found.total == 1_000 > BATCH_ROWS


async def test_a_bad_line_of_a_document_is_named(tmp_path: Path) -> None:
    (tmp_path / "offers.jsonl").write_bytes(b'{"a": 1}\n\n{"a": 1, "a": 2}\n')
    with pytest.raises(InputError, match=r"offers\.jsonl, line 3: not JSON at column 10: a key that its object has"):
        await read_document(tmp_path / "offers.jsonl")
