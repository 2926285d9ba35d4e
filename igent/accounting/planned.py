"""What a run is going to ask, as far as its size is known before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["PlannedPhase", "PlannedRegistration", "Seat", "Speed"]

_PROPOSAL_CHARS = 100  # what a critic is shown besides: the ids of a proposal, and the words that it relies on


class Speed(Protocol):
    """How fast a model is known to be, for those whose calls were never seen."""

    @property
    def decode_per_s(self) -> float:
        """Tokens of a reply per second."""
        ...

    def until_first_token_s(self, uniform: float, prompt_tokens: int) -> float:
        """Seconds until a reply begins, for a draw in (0, 1)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One agent, its instructions' length and the bound of its replies, thinking included.

    `speed` is that of its model, None where it takes no time.
    """

    agent: str
    model: str
    max_tokens: int
    system_chars: int
    thinking: bool = False
    speed: Speed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPhase:
    """One phase of one registration: its first request, and whether its critic is to be expected after it.

    `shared` are beginnings of the prompt that others may have too, as (key, characters), each longer than the one
    before it. What is `cached` is answered from the response cache, and so is all that follows.
    """

    matcher: Seat
    critic: Seat | None = None
    critic_expected: bool = False
    prompt_chars: int
    shared: tuple[tuple[str, int], ...] = ()
    cached: bool = False

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Who may speak."""
        return (self.matcher,) if self.critic is None else (self.matcher, self.critic)

    @property
    def expected(self) -> tuple[Seat, ...]:
        """Who speaks where nothing has to be mended."""
        return self.seats if self.critic_expected else (self.matcher,)

    def chars_for(self, seat: Seat) -> int:
        """The characters of a seat's first prompt: a critic's is the matcher's behind instructions of its own."""
        own = _PROPOSAL_CHARS if seat is self.critic else 0
        return self.prompt_chars + own + seat.system_chars - self.matcher.system_chars

    def shared_by(self, seat: Seat) -> Iterator[tuple[str, int]]:
        """The beginnings of a seat's prompt that others may have too, as (key, characters)."""
        shift = seat.system_chars - self.matcher.system_chars
        return ((f"{seat.agent} {key}", chars + shift) for key, chars in self.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRegistration:
    """One registration that asks a model; `noted` says whether it has a note."""

    noted: bool
    phases: tuple[PlannedPhase, ...]

    @property
    def asked(self) -> tuple[PlannedPhase, ...]:
        """The phases that are not answered from the response cache."""
        return tuple(phase for phase in self.phases if not phase.cached)
