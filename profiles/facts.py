"""When and with what a bench ran; nothing that tells whose machine it was."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from importlib.metadata import version

from profiles.report import Facts

__all__ = ["facts"]

_PACKAGES = (
    "igent",
    "autogen-agentchat",
    "autogen-core",
    "orjson",
    "ijson",
    "aiofiles",
    "pydantic",
    "anthropic",
    "httpx2",
    "aiohttp",
)


def facts(now: datetime) -> Facts:
    """The date, the machine's cores and load (of the last minute, at the start), and the versions."""
    return {
        "date": now.date().isoformat(),
        "cores": os.cpu_count() or 1,
        "load": round(os.getloadavg()[0], 1),
        "system": platform.system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: version(package) for package in _PACKAGES},
    }
