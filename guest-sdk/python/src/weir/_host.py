"""The functions of the host, as the rest of the SDK sees them: in a component those of the contract, in a unit test
those of the test's key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import NoReturn, Protocol

from ._failure import Failure


class Scope(Enum):
    """Which memory: that of the run, or that of the key."""

    SENSORY = "sensory"
    SHORT_TERM = "short-term"


class Step(Enum):
    """What to do about a durable call that was begun."""

    EXECUTE = "execute"
    REPLAY = "replay"
    RECONCILE = "reconcile"


Outcome = str | Failure
"""What came of a durable call: JSON text, or why not."""


@dataclass
class Event:
    """What an action reacts to; the payload is JSON text."""

    id: str
    kind: str
    payload: str


@dataclass
class Begun:
    """A durable call that was begun."""

    position: int
    id: str
    step: Step
    outcome: Outcome | None = None
    """What was recorded, to be replayed."""


@dataclass
class HttpRequest:
    """A request as it leaves the guest."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | bytes | None = None
    timeout_ms: int | None = None


@dataclass
class HttpResponse:
    """A response as it reaches the guest."""

    status: int
    headers: list[tuple[str, str]]
    body: str | bytes | None


@dataclass
class HttpError:
    """Why there is no response."""

    case: str
    """`timeout`, `connection`, `denied`, `invalid-request`, `too-large` or `other`."""
    why: str = ""


class Host(Protocol):
    """What the contract imports. Memory raises failures of kind `memory/…`."""

    def key(self) -> str: ...
    def key_is_text(self) -> bool: ...
    def sequence_number(self) -> int: ...
    def source_timestamp_ms(self) -> int | None: ...
    def header(self, name: str) -> str | None: ...
    def now_ms(self) -> int: ...
    def random_u32(self) -> int: ...
    def config(self, name: str) -> str | None: ...
    def log(self, level: int, message: str) -> None: ...
    def emit(self, kind: str, payload: str) -> str: ...
    def memory_get(self, scope: Scope, path: str) -> str | None: ...
    def memory_set(self, scope: Scope, path: str, value: str) -> None: ...
    def memory_new_object(self, scope: Scope, path: str) -> None: ...
    def memory_fields(self, scope: Scope, path: str) -> list[str] | None: ...
    def memory_exists(self, scope: Scope, path: str) -> bool: ...
    def memory_remove(self, scope: Scope, path: str) -> bool: ...
    def begin(self, function_id: str, arguments: str, reconcilable: bool) -> Begun: ...
    def complete(self, position: int, outcome: Outcome) -> Outcome: ...
    def send(self, request: HttpRequest) -> HttpResponse | HttpError: ...
    def send_all(self, requests: list[HttpRequest]) -> list[HttpResponse | HttpError]: ...


class Ended(BaseException):
    """Ends the attempt from within a function of the SDK; raised by `end`. No `Exception`, so that hardly an `except`
    takes it; what a bare one takes is raised again by the next use of the host, and when the action returns."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass
class _Running:
    """The host of the running action, and what ended its attempt."""

    host: Host
    ended: Ended | None = None


_running: _Running | None = None


def current() -> Host:
    """The host of the running action. An attempt that has ended has none: its end is raised again."""
    if _running is None:
        raise RuntimeError("a context is used outside an action: run the action with weir.testing.TestKey")
    raise_end()
    return _running.host


def is_running() -> bool:
    """Whether an action is running."""
    return _running is not None


@contextmanager
def serving(host: Host) -> Iterator[None]:
    """Makes this the host of the running action, until it is left."""
    global _running
    before, _running = _running, _Running(host)
    try:
        yield
    finally:
        _running = before


def end(ended: Ended) -> NoReturn:
    """Ends the attempt, for good: the first end counts, whatever the action catches."""
    if _running is not None and _running.ended is None:
        _running.ended = ended
    raise ended


def raise_end() -> None:
    """Raises again what ended the attempt, if it has ended."""
    if _running is not None and _running.ended is not None:
        raise _running.ended


def trap(why: str) -> NoReturn:
    """Ends the attempt where the contract is used wrongly, in a way that no code of the action should catch."""
    end(Ended(Failure("trap", why)))
