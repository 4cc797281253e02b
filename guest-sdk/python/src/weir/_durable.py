"""Durable calls: side effects whose outcome survives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from . import _errors, _host, _json, _request
from ._failure import Failure
from ._host import Begun, Outcome, Step
from ._request import Request
from ._response import Response

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A durable call while it is open."""

    id: str
    """Names this call and no other, the same again when it is executed again: the other side's idempotency key."""

    def happened(self, result: Any) -> Any:
        """What a reconciler answers to say that the call happened, where its result may be None."""
        return _Happened(result)


@dataclass(frozen=True)
class _Happened:
    result: Any


@dataclass(frozen=True)
class DurableCall(Generic[T]):
    """A durable call whose effect is one request, not yet made. `Context.durable_call` makes it, `Context.durable_all`
    and `Context.durable_each` make the call."""

    function_id: str
    arguments: str
    """JSON text, taken before any call is begun."""
    request: Request
    read: Callable[[Response], T]
    reconcile: Callable[[Call], Any] | None = None


def make(function_id: str, arguments: str, run: Callable[[Call], T], reconcile: Callable[[Call], Any] | None) -> T:
    """Makes the call: runs the body and records its outcome, gives what was recorded, or has it reconciled."""
    _refuse_in_body(function_id)
    begun = _host.current().begin(function_id, arguments, reconcile is not None)
    outcome = _known(begun, function_id, reconcile)
    if outcome is None:
        # Asked for its host only after the body, which may have ended the attempt.
        outcome = _outcome_of(lambda: run(Call(begun.id)))
        outcome = _host.current().complete(begun.position, outcome)
    value: T = _read(outcome)
    return value


def make_each(calls: list[DurableCall[T]]) -> list[T | Failure]:
    """Opens all calls, reconciles those cut off, sends the rest together, and completes each."""
    # Whatever can be wrong with a call shows before the first is opened.
    for call in calls:
        _refuse_in_body(call.function_id)
        call.request._check()
    begun = [_host.current().begin(call.function_id, call.arguments, call.reconcile is not None) for call in calls]
    outcomes = [_known(each, call.function_id, call.reconcile) for each, call in zip(begun, calls)]
    unsent = [at for at, outcome in enumerate(outcomes) if outcome is None]
    answers = _request.send_each([calls[at].request for at in unsent], [begun[at].id for at in unsent])
    for at, answer in zip(unsent, answers):
        outcome = _outcome_of(lambda: _result(calls[at], answer))
        outcomes[at] = _host.current().complete(begun[at].position, outcome)
    return [_settled(outcome) for outcome in outcomes]


def _result(call: DurableCall[T], answer: Response | Failure) -> T:
    if isinstance(answer, Failure):
        raise answer
    return call.read(answer)


def _known(begun: Begun, function_id: str, reconcile: Callable[[Call], Any] | None) -> Outcome | None:
    """The outcome of a call that was made before; none if it is to be executed."""
    if begun.step is Step.EXECUTE:
        return None
    if begun.step is Step.REPLAY:
        assert begun.outcome is not None, "a replayed call has its outcome"
        return begun.outcome
    if reconcile is None:
        why = f"the call `{function_id}` was cut off when it had a reconciler, and has none now: give it one again"
        # The call stays open, and with it the pending record: nobody has said what became of its effect.
        raise Failure("not-reconcilable", why)
    outcome = _answer_of(reconcile, Call(begun.id))
    return None if outcome is None else _host.current().complete(begun.position, outcome)


def _answer_of(reconcile: Callable[[Call], Any], call: Call) -> Outcome | None:
    """What a reconciler's answer means. A retryable failure passes through with the call left open, so that it is asked
    again; so does an exception that is none: a mistake in a reconciler says nothing about the call."""
    try:
        with _in_body():
            answer = reconcile(call)
    except Failure as failure:
        if failure.retryable:
            raise
        return failure
    if answer is None:
        return None
    return _json.dumps(answer.result if isinstance(answer, _Happened) else answer)


def _outcome_of(body: Callable[[], Any]) -> Outcome:
    """Runs a body, and gives what is to be recorded."""
    try:
        with _in_body():
            return _json.dumps(body())
    except Failure as failure:
        return failure
    except Exception as error:
        _host.current().log(logging.ERROR, _errors.report(error))
        return _errors.failure_of(error)


def _read(outcome: Outcome) -> Any:
    """A recorded outcome as a result. The first time too, so that an action never sees more than its replay will."""
    if isinstance(outcome, Failure):
        raise Failure.from_record(*outcome.to_record())
    return _json.loads(outcome)


def _settled(outcome: Outcome | None) -> Any:
    assert outcome is not None, "each call is settled"
    return Failure.from_record(*outcome.to_record()) if isinstance(outcome, Failure) else _json.loads(outcome)


_bodies = 0


def is_in_body() -> bool:
    """Whether the body of a durable call is running, or its reconciler."""
    return _bodies > 0


@contextmanager
def _in_body() -> Iterator[None]:
    """Runs what a replay skips, however it ends."""
    global _bodies
    _bodies += 1
    try:
        yield
    finally:
        _bodies -= 1


def _refuse_in_body(function_id: str) -> None:
    """Stops a durable call in the body of another: a replay of that would skip it, and diverge."""
    if is_in_body():
        _host.trap(
            f"durable call `{function_id}` in the body of another, which a replay would skip: make it before or after"
        )
