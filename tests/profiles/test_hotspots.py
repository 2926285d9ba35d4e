from __future__ import annotations

import functools
from types import CodeType
from typing import NamedTuple

import pytest

import igent
from profiles.hotspots import Share, hotspots, inside, owner, place

HERE = (lambda: None).__code__


class Entry(NamedTuple):
    code: CodeType | str
    inlinetime: float
    totaltime: float = 0.0


def test_shares_are_of_all_own_time_but_that_of_waiting() -> None:
    poll = Entry("<method 'poll' of 'select.epoll' objects>", 90.0)
    entries = [poll, Entry("<built-in method len>", 1.0), Entry("<built-in method max>", 2.0), Entry("<other>", 1.0)]
    assert hotspots(entries, place, count=2) == [Share("built-in method max", 50.0), Share("built-in method len", 25.0)]


def code_of(path: str) -> CodeType:
    return (lambda: None).__code__.replace(co_filename=path, co_qualname="f")


def test_what_a_function_calls_is_inside_of_it() -> None:
    poll = Entry("<method 'poll' of 'select.epoll' objects>", 90.0, 90.0)
    entries = [poll, Entry(HERE, 1.0, 3.0), Entry("<built-in method len>", 2.0, 2.0), Entry("<other>", 1.0, 4.0)]
    assert inside(entries, HERE) == 75.0


@pytest.mark.parametrize(
    ("path", "name", "package"),
    [
        (igent.__file__, "igent/__init__.py:f", "igent"),
        (pytest.__file__, "pytest/__init__.py:f", "pytest"),
        (functools.__file__, "functools.py:f", "functools"),
        ("/somewhere/else/module.py", "module.py:f", "module"),
        ("<string>", "generated:f", "generated"),
    ],
)
def test_a_function_is_named_from_its_package_on(path: str, name: str, package: str) -> None:
    assert (place(code_of(path)), owner(code_of(path))) == (name, package)


def test_a_built_ins_address_is_not_part_of_its_name() -> None:
    assert place("<built-in method __new__ of type object at 0x7f00>") == "built-in method __new__ of type object"
