"""Every error that igent raises on purpose, in one tree.

IgentError
├── InputError             a file that cannot be used: file, place, problem, remedy      (exit 2)
├── ConstellationError     a mistake in a constellation: file, line, problem, remedy     (exit 2)
├── OptionError            options that do not go together or name nothing               (exit 2)
├── RunStopped             the run ended early and can be resumed                        (exit 3)
├── JournalError           the journal cannot be read or written                         (exit 3)
│   └── JournalCorrupt     a bad frame before a later group: never guessed at
└── ModelError             a call that gave no usable reply; the registration fails
    ├── ModelTimeout       the call passed its deadline
    ├── ModelUnavailable   overload, rate limit, dropped connection: worth another try
    ├── ModelRejected      a request that the provider will never accept
    ├── ReplyUnusable      a reply that ended in no answer: refused, or cut off by its bound
    └── ModelLocked        the key, its permissions or the account's credit: nothing can be called

`RowError` is not among them: it is a value that says why one input row is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

__all__ = [
    "ConstellationError",
    "ExitCode",
    "IgentError",
    "InputError",
    "JournalCorrupt",
    "JournalError",
    "ModelError",
    "ModelLocked",
    "ModelRejected",
    "ModelTimeout",
    "ModelUnavailable",
    "OptionError",
    "ReplyUnusable",
    "RowError",
    "RunStopped",
    "leaf",
]


class ExitCode(IntEnum):
    """How a process ends that was not interrupted: by signal N it ends with 128 + N. 0 is an outcome for everybody."""

    FAILED = 1  # some failed or were rejected (with --strict: or are in review)
    USAGE = 2  # usage, configuration or input; nothing was called
    STOPPED = 3  # resumable
    BUG = 70


class IgentError(Exception):
    """The root: `except IgentError` catches everything that igent raises on purpose."""


class InputError(IgentError):
    """A file that cannot be used; raised before any model call."""

    def __init__(self, *, file: str, place: str, problem: str, remedy: str) -> None:
        self.file, self.place, self.problem, self.remedy = file, place, problem, remedy
        where = f"{file}, {place}" if place else file
        super().__init__(f"{where}: {problem}. {remedy}")


class ConstellationError(IgentError):
    """A mistake in a constellation file; `line` is 1-based, 0 where no line is to blame."""

    def __init__(self, *, file: str, line: int, problem: str, remedy: str) -> None:
        self.file, self.line, self.problem, self.remedy = file, line, problem, remedy
        where = f"{file}, line {line}" if line else file
        super().__init__(f"{where}: {problem}. {remedy}")


class OptionError(IgentError):
    """Options that do not go together, or that name something that does not exist."""

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(f"{problem}. {remedy}")


class RunStopped(IgentError):
    """The run ended before its last registration; what is committed stays, and it can be resumed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"run stopped: {reason}")


class JournalError(IgentError):
    """The journal cannot be read or written."""

    def __init__(self, *, path: str, problem: str, remedy: str) -> None:
        self.path, self.problem, self.remedy = path, problem, remedy
        super().__init__(f"{path}: {problem}. {remedy}")


class JournalCorrupt(JournalError):
    """A frame that does not check out although later groups follow it; `offset_bytes` is where it starts."""

    def __init__(self, *, path: str, offset_bytes: int, problem: str) -> None:
        self.offset_bytes = offset_bytes
        super().__init__(
            path=path,
            problem=f"{problem} at byte {offset_bytes}, with later records behind it",
            remedy="The file was changed after it was written: restore it from a copy; igent does not guess",
        )


class ModelError(IgentError):
    """A model call that gave no usable reply; `code` names the condition in a registration's outcome.

    `unread` says that the provider cannot have read the prompt, and so bills nothing for it.
    """

    code = "model-error"
    unread = False

    def __init__(self, model: str, problem: str) -> None:
        self.model, self.problem = model, problem
        super().__init__(f"model {model!r}: {problem}")


class ModelTimeout(ModelError):
    """The call passed its deadline."""

    code = "model-timeout"

    def __init__(self, model: str, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        super().__init__(model, f"no complete reply within {deadline_s:g} s")


class ModelUnavailable(ModelError):
    """A passing fault of the provider or the network; ten in a row stop the run.

    `retry_after_s` is how long the provider asks to wait, uncapped, or None where it does not say. `throttle` says
    that it asks for fewer calls: one's own `rate` is past a limit, or it has an `overload`.
    """

    code = "model-unavailable"

    def __init__(
        self,
        model: str,
        problem: str,
        *,
        retry_after_s: float | None = None,
        throttle: Literal["rate", "overload"] | None = None,
        unread: bool = False,
    ) -> None:
        self.retry_after_s, self.throttle, self.unread = retry_after_s, throttle, unread
        super().__init__(model, problem)


class ModelRejected(ModelError):
    """A request that the provider will never accept, however often it is sent."""

    code = "model-rejected"
    unread = True


class ReplyUnusable(ModelError):
    """A whole reply that is no answer, however it reads; asking the same again would come to the same."""

    def __init__(self, model: str, stop: Literal["refusal", "max_tokens"]) -> None:
        self.stop = stop
        self.code = "model-refused" if stop == "refusal" else "reply-cut-off"
        super().__init__(model, "it refuses to answer" if stop == "refusal" else "its answer passed max_tokens")


class ModelLocked(ModelError):
    """The provider will answer nothing until somebody acts: the key, its permissions or the account's credit."""

    code = "model-locked"
    unread = True

    def __init__(self, model: str, problem: str, *, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(model, f"{problem}. {remedy}")


def leaf(error: BaseException) -> BaseException:
    """The first error inside a group of errors, however deep; any other error is itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """Why one row of the input is rejected: its file, its 0-based row, the field and the problem."""

    file: str
    row: int
    field: str
    problem: str
    registration_id: str | None = None

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}, field {self.field!r}: {self.problem}"
