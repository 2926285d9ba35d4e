"""Markets are modules of pure functions that read a programme's field names and know its products."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from igent.markets import enuk, sbus
from igent.markets.base import Market

__all__ = ["MARKETS", "Market"]

MARKETS: Mapping[str, Market] = MappingProxyType({"sbus": sbus, "enuk": enuk})
