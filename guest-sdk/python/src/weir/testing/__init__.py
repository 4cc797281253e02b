"""Unit tests of actions: natively, without a host and without wasm, under unittest or pytest.

A `TestKey` is one key with its memory. Run actions on it, then look at what they emitted and remember. What the host
promises holds here too: an action that fails leaves nothing behind, durable calls are recorded and replayed, changes
inside a durable call are refused.

    from weir.testing import TestKey, TestResponse

    key = TestKey("Taiwan")
    key.on_request(lambda request: TestResponse(status=503))     # the pager is down: nothing happened,
    failure = key.fails(page, quake)
    assert failure.retryable

    key.on_request(lambda request: TestResponse(json=7))         # and the next attempt gets through.
    assert key.again().outputs == [7]
    first, second = key.requests                                 # Both sent the same idempotency key.
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]

While an action runs, `time.time`, `random`, `os.urandom` and what stands on them (`uuid.uuid4`, `secrets`) are the
test's, the same again for the same event. `datetime.now` is not: take `ctx.now()` where a test looks at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import _action, _host, _json
from .._failure import Failure
from .._host import Scope
from .._memory import Memory
from ._attempt import Attempt, CallResult, Responder, Setting, TestFailed
from ._seen import Completed, TestCall, TestEvent, TestRequest, TestResponse
from ._tree import Tree

__all__ = ["Completed", "TestCall", "TestEvent", "TestKey", "TestRequest", "TestResponse"]

_Function = Callable[..., object]


@dataclass
class _Task:
    """The last task, as it was given, and its call results."""

    function: _Function
    kind: str
    payload: str
    ordinal: int
    """Its place in its run."""
    memories: dict[Scope, Tree]
    call_results: dict[int, CallResult]


class TestKey:
    """One key with its memory, and a host for the actions that a test runs on it. Its clock shows 2023-11-14 22:13:20
    UTC, or `at_ms`, which is the source timestamp of its events then."""

    __test__ = False

    def __init__(
        self,
        key: str = "key",
        *,
        config: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        at_ms: int | None = None,
    ) -> None:
        start_ms = 1_700_000_000_000 if at_ms is None else at_ms
        self._setting = Setting(key, start_ms, at_ms, dict(headers or {}), dict(config or {}))
        self._runs = 0
        self._memories = {scope: Tree() for scope in Scope}
        self._task: _Task | None = None
        self.memory = Memory(Scope.SHORT_TERM, self._at_rest)
        """Short-term memory, to look at and to arrange: `key.memory["count"] = 3`."""
        self.sensory = Memory(Scope.SENSORY, self._at_rest)
        """Sensory memory, as the last action left it."""
        self.calls: list[TestCall] = []
        """Durable calls and requests of the last attempt, in the order in which their outcomes came."""
        self.logs: list[tuple[str, str]] = []
        """What the last attempt logged: level (`trace` to `error`) and message."""
        self.requests: list[TestRequest] = []
        """All requests that were sent since the key was made."""

    def run(self, action: _Function, payload: Any = None, *, kind: str | None = None) -> Completed:
        """Runs the action for a new input event with this payload: sensory memory is empty at the start. Raises the
        `Failure` if it fails, and nothing of what it did is seen, as in the host."""
        self._memories[Scope.SENSORY] = Tree()
        self._runs += 1
        return self._start(action, payload, kind, 0)

    def follow(self, action: _Function, payload: Any = None, *, kind: str | None = None) -> Completed:
        """Runs the action as a further one of the same run, for an event that one before it emitted: sensory memory
        stays."""
        return self._start(action, payload, kind, self._last_task().ordinal + 1)

    def again(self, action: _Function | None = None) -> Completed:
        """Runs the last action, or another one in its place, again for the same event, from the memory before it, with
        the calls recorded so far: its next attempt if it failed, or, if it completed, as after a crash just before its
        completion was durable."""
        task = self._last_task()
        if action is not None:
            task.function = action
        self._memories = {scope: tree.copy() for scope, tree in task.memories.items()}
        return self._attempt(task)

    def fails(self, action: _Function, payload: Any = None, *, kind: str | None = None) -> Failure:
        """As `run`, for an action that must fail: gives its failure, and raises an AssertionError if it completes."""
        try:
            self.run(action, payload, kind=kind)
        except Failure as failure:
            return failure
        raise AssertionError(f"{_action.definition_of(action).name} completed, and was to fail")

    def on_request(self, responder: Responder) -> Responder:
        """Answers the requests of the actions, by a function that gives a `TestResponse`. Also as a decorator.

        What it raises, as an assertion that fails, is no failure of the action: `run` and `fails` raise it as it is (a
        `Failure` as an AssertionError)."""
        self._setting.responder = responder
        return responder

    def crash_in(self, function_id: str) -> None:
        """Lets the process die in the next attempt, after the effect of this durable call and before its outcome is
        recorded; that attempt raises a failure of kind `crash`. A request's function id is `METHOD origin/path`."""
        self._setting.crash_in = function_id

    def at_ms(self, source_timestamp_ms: int) -> None:
        """Sets the source timestamp of the next runs, and with it their clock."""
        self._setting.source_timestamp_ms = source_timestamp_ms
        self._setting.start_ms = source_timestamp_ms

    @property
    def config(self) -> dict[str, str]:
        """The settings of the component: `key.config["limit"] = "10"`."""
        return self._setting.config

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the input events."""
        return self._setting.headers

    def _at_rest(self) -> Attempt:
        return Attempt(self._setting, "", self._runs, self._memories, {})

    def _last_task(self) -> _Task:
        if self._task is None:
            raise RuntimeError("nothing was run before: a run begins with TestKey.run")
        return self._task

    def _start(self, action: _Function, payload: Any, kind: str | None, ordinal: int) -> Completed:
        kind = kind or _action.definition_of(action).listens_to[0]
        memories = {scope: tree.copy() for scope, tree in self._memories.items()}
        self._task = _Task(action, kind, _json.dumps(payload), ordinal, memories, {})
        return self._attempt(self._task)

    def _attempt(self, task: _Task) -> Completed:
        definition = _action.definition_of(task.function)
        event = _host.Event(f"{self._setting.key}/{self._runs - 1}/{task.ordinal}", task.kind, task.payload)
        memories = {scope: tree.copy() for scope, tree in self._memories.items()}
        attempt = Attempt(self._setting, event.id, self._runs - 1, memories, dict(task.call_results))
        ended: BaseException | None
        try:
            with _host.serving(attempt), attempt.world.entered():
                _action.invoke(definition, event)
            ended = attempt.mistake()
        except TestFailed as failed:
            ended = failed.error
        except _host.Ended as of_attempt:
            ended = of_attempt.failure
        finally:
            self._setting.crash_in = None
            self.calls, self.logs = attempt.calls, attempt.logs
            self.requests += attempt.requests
            task.call_results = attempt.call_results
        if ended is not None:
            raise ended
        self._memories = attempt.memories
        return Completed(attempt.events)
