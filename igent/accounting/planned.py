"""What a run is going to ask, as far as its size is known before it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["PlannedPhase", "PlannedRegistration", "Seat"]

_PROPOSAL_CHARS = 100  # what a critic is shown besides: the ids of a proposal, and the words that it relies on


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One agent, the length of its instructions, and what is said of its calls by those who have not seen any.

    `told_tokens` is how long a reply is, `told_s` what a call takes, from the tokens of its prompt and of its reply.
    """

    agent: str
    model: str
    system_chars: int
    told_tokens: int
    told_s: Callable[[float, float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPhase:
    """One phase of one registration, whose matcher is asked first, and whether its critic is to be expected after it.

    `text_chars` is what a first prompt has behind its instructions; it begins with `shared_chars` that others with the
    same `shared` key have too.
    """

    matcher: Seat
    critic: Seat | None = None
    critic_expected: bool = False
    text_chars: int
    shared: str = ""
    shared_chars: int = 0

    @property
    def turns(self) -> Iterator[tuple[Seat, bool, int]]:
        """Who may speak, whether that is expected, and the characters of its first prompt."""
        yield self.matcher, True, self.matcher.system_chars + self.text_chars
        if self.critic is not None:
            yield self.critic, self.critic_expected, self.critic.system_chars + self.text_chars + _PROPOSAL_CHARS

    def beginnings(self, seat: Seat) -> Iterator[tuple[str, int]]:
        """The beginnings of a seat's prompt that others may have too, the shorter first, as (key, characters)."""
        yield seat.agent, seat.system_chars
        if self.shared_chars:
            yield f"{seat.agent} {self.shared}", seat.system_chars + self.shared_chars


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRegistration:
    """One registration of some `kind`, with the phases that are not answered from the response cache."""

    kind: str
    phases: tuple[PlannedPhase, ...]
