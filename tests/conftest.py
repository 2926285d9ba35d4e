"""The suite's rules for every test: no network but loopback, and nothing is left in the user's own cache."""

from __future__ import annotations

import asyncio.constants
import gc
import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Waits of one test are filled by another: with no more processes than cores, they would leave a sixth of the time idle.
_BESIDE_CORES = 1

# Processes that tests start by the dozen compile nothing twice.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Whom a callback was called from is told by its last frames; to look for ten takes a tenth of the time of async tests.
asyncio.constants.DEBUG_STACK_DEPTH = 2  # type: ignore[misc]

# As the command line has it: to look for garbage at every 700 objects takes a seventh of the time.
gc.set_threshold(100_000, 10, 5)

# The suite has three minutes; a law that wants more examples says so.
settings.register_profile("suite", max_examples=30)
settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many processes as keep every core busy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + _BESIDE_CORES


def pytest_collection_finish() -> None:
    """Nothing that was imported or collected is ever garbage: it need not be looked through again and again."""
    gc.collect()
    gc.freeze()


_refused: list[str] = []

# A developer's own keys must not make a test call a provider.
for _name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
    os.environ.pop(_name, None)


class NetworkRefused(BaseException):
    """A test reached for the network; not an `Exception`, so that no code under test can take it for an outage."""


def _is_local(host: object) -> bool:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is None or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if not isinstance(address, tuple):  # a path: AF_UNIX; or None: connected already
            return
        host = address[0]
    else:
        return
    if not _is_local(host):
        _refused.append(f"{event} {host!r}")
        raise NetworkRefused(f"{event} {host!r}: tests may reach loopback only")


# An audit hook sees every socket of this process, whichever library opens it, and needs no patching.
sys.addaudithook(_refuse_network)


@pytest.fixture(scope="session", autouse=True)
def authorities(tmp_path_factory: pytest.TempPathFactory) -> None:
    """On loopback no certificate is checked: a client that reads the machine's own authorities takes 20 ms more."""
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = str(tmp_path_factory.mktemp("authorities"))


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands leave what later runs may use, here and in processes that tests start."""
    home = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(home)
    return home


@pytest.fixture(autouse=True)
def refused() -> Iterator[list[str]]:
    """What this test was refused; one that leaves any fails, also where its code swallowed the refusal."""
    _refused.clear()
    yield _refused
    assert _refused == [], "the test reached for the network"
