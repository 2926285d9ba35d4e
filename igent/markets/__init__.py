"""Markets are modules of pure functions that read a programme's field names and know its products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from igent.markets.base import Market

if TYPE_CHECKING:
    from igent.markets import enuk, sbus

    _ARE_MARKETS: tuple[Market, ...] = (sbus, enuk)

__all__ = ["MARKETS", "Market"]


class _Markets(Mapping[str, Market]):
    """Markets by name, each imported when it is first asked for: a run has one."""

    _names = ("sbus", "enuk")

    def __getitem__(self, name: str) -> Market:
        if name not in self._names:
            raise KeyError(name)
        return cast("Market", import_module(f"{__name__}.{name}"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


MARKETS: Mapping[str, Market] = _Markets()
