"""Why an action, or a durable call, did not succeed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from . import _json, _text

_WAIT_MS_MAX = 2**32 - 1


class Failure(Exception):
    """Why an action, or a durable call, did not succeed: recorded and replayed whole.

    A *retryable* one may succeed when tried again: the action is run again as the manifest's retry policy says.
    A *fatal* one, the default, will not: the manifest's `on_failure` decides what becomes of the key.

        raise Failure("card-declined", "no funds", details={"limit": 200})
        raise Failure("busy", "come back later", retryable=True)
        raise Failure("busy", "come back later", retry_after=5)     # retryable, not before 5 seconds

    `kind` is for code to tell failures apart, `message` for people, `details` any JSON value for code to read.
    """

    def __init__(
        self,
        kind: str,
        message: str = "",
        *,
        retryable: bool | None = None,
        retry_after: float | timedelta | None = None,
        details: Any = None,
    ) -> None:
        super().__init__(kind, message)
        self.kind = _text.clean(kind)
        """What sort of failure, such as `card-declined` or `http/timeout`."""
        self.message = _text.clean(message)
        """What to tell people."""
        self.retryable = retry_after is not None if retryable is None else retryable
        """Whether it may succeed when tried again."""
        self.retry_after = _seconds(retry_after)
        """How many seconds to wait at least before it is tried again, if that is known."""
        self.details = details
        """A JSON value for code to read."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    def __repr__(self) -> str:
        more = "".join(
            f", {name}={value!r}"
            for name, value in (
                ("retryable", self.retryable),
                ("retry_after", self.retry_after),
                ("details", self.details),
            )
            if value not in (None, False)
        )
        return f"Failure({self.kind!r}, {self.message!r}{more})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Failure):
            return NotImplemented
        return self.to_record() == other.to_record()

    def __hash__(self) -> int:
        return hash((self.kind, self.message))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_from_record, self.to_record())

    def to_record(self) -> tuple[bool, int | None, str, str, str | None]:
        """The failure as the contract has it; details that are no JSON are said in the details instead."""
        wait_ms = None if self.retry_after is None else min(round(self.retry_after * 1000), _WAIT_MS_MAX)
        details = None
        if self.details is not None:
            try:
                details = _json.dumps(self.details)
            except Failure as failure:
                details = _json.dumps(f"details are no JSON: {failure.message}")
        return (self.retryable, wait_ms, self.kind, self.message, details)

    @classmethod
    def from_record(
        cls, retryable: bool, retry_after_ms: int | None, kind: str, message: str, details: str | None
    ) -> Failure:
        """A failure as the contract has it."""
        wait = None if retry_after_ms is None else retry_after_ms / 1000
        read = None if details is None else _json.loads(details)
        return cls(kind, message, retryable=retryable, retry_after=wait, details=read)


def _from_record(*record: Any) -> Failure:
    return Failure.from_record(*record)


def _seconds(wait: float | timedelta | None) -> float | None:
    if wait is None:
        return None
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"retry_after is {seconds} seconds: it must not be negative nor endless")
    return seconds
