"""The host of one attempt of an action in a unit test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from .. import _host, _json, _log
from .._failure import Failure
from .._host import Begun, HttpError, HttpRequest, HttpResponse, Outcome, Scope, Step
from ._seen import TestCall, TestEvent, TestRequest, TestResponse
from ._tree import MISSING, Tree
from ._world import World

Responder = Callable[[TestRequest], TestResponse]


class TestFailed(_host.Ended):
    """The test itself is wrong, or its responder's assertion: it fails so, whatever it expects of the action."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(Failure("test", str(error)))
        self.error = error


@dataclass
class Setting:
    """What a test sets for its key."""

    key: str
    start_ms: int
    source_timestamp_ms: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    responder: Responder | None = None
    crash_in: str | None = None


@dataclass
class CallResult:
    """A call result that outlives the attempt; no outcome while it is pending."""

    function_id: str
    arguments: str
    outcome: Outcome | None


@dataclass
class _Asked:
    """A call of this attempt."""

    function_id: str
    arguments: str
    reconcilable: bool
    open: bool
    ordinal: int
    """Tells calls with the same function id and arguments apart."""
    may_repeat: bool = False
    """Its outcome was a retryable failure: a repetition has the same id."""


class Attempt:
    """One running attempt. Nothing that it did counts until the action has completed, but for call results."""

    def __init__(
        self,
        setting: Setting,
        event_id: str,
        sequence_number: int,
        memories: dict[Scope, Tree],
        call_results: dict[int, CallResult],
    ) -> None:
        self._setting = setting
        self._event_id = event_id
        self._sequence_number = sequence_number
        self._asked: list[_Asked] = []
        self._unrecorded: dict[int, CallResult] = {}
        self._clock_us = 0
        self._drawn = {False: (0, 0), True: (0, 0)}
        self.world = World(self)
        self.memories = memories
        self.call_results = call_results
        self.events: list[TestEvent] = []
        self.logs: list[tuple[str, str]] = []
        self.calls: list[TestCall] = []
        self.requests: list[TestRequest] = []

    # Where it stands

    def key(self) -> str:
        return self._setting.key

    def key_is_text(self) -> bool:
        return True

    def sequence_number(self) -> int:
        return self._sequence_number

    def source_timestamp_ms(self) -> int | None:
        return self._setting.source_timestamp_ms

    def header(self, name: str) -> str | None:
        return self._setting.headers.get(name)

    def config(self, name: str) -> str | None:
        return self._setting.config.get(name)

    def now_ms(self) -> int:
        return self.now_us() // 1000

    def now_us(self) -> int:
        """The clock; a body's readings move nothing, for a replay skips them."""
        if not self.has_open_call():
            self._clock_us += 1
        return self._setting.start_ms * 1000 + self._clock_us

    def random_u32(self) -> int:
        return int.from_bytes(self.random_bytes(4), "big")

    def random_bytes(self, length: int) -> bytes:
        """A stream of the task, the number of calls begun, and whether a body draws."""
        begun, in_body = len(self._asked), self.has_open_call()
        at, drawn = self._drawn[in_body]
        drawn = drawn + 1 if at == begun else 1
        self._drawn[in_body] = (begun, drawn)
        seed = f"{self._setting.key} {self._event_id} {begun} {in_body} {drawn}"
        return hashlib.shake_256(seed.encode()).digest(length)

    def log(self, level: int, message: str) -> None:
        self.logs.append((_log.level_name(level), message))

    # Events and memory

    def emit(self, kind: str, payload: str) -> str:
        self._refuse_while_open("emit")
        _refuse_length("emit an event: its kind", kind, 128)
        event = TestEvent(kind, _json.loads(payload), f"{self._event_id}/{len(self.events)}")
        self.events.append(event)
        return event.id

    def memory_get(self, scope: Scope, path: str) -> str | None:
        value = self.memories[scope].get(path)
        return None if value is MISSING else _json.dumps(value)

    def memory_set(self, scope: Scope, path: str, value: str) -> None:
        self._refuse_while_open("a change of memory")
        self.memories[scope].set(path, _json.loads(value))

    def memory_new_object(self, scope: Scope, path: str) -> None:
        self._refuse_while_open("a change of memory")
        self.memories[scope].new_object(path)

    def memory_fields(self, scope: Scope, path: str) -> list[str] | None:
        return self.memories[scope].fields(path)

    def memory_exists(self, scope: Scope, path: str) -> bool:
        return self.memories[scope].get(path) is not MISSING

    def memory_remove(self, scope: Scope, path: str) -> bool:
        self._refuse_while_open("a change of memory")
        return self.memories[scope].remove(path)

    def _refuse_while_open(self, what: str) -> None:
        for call in self._asked:
            if call.open:
                why = f"{what} while the durable call `{call.function_id}` is open: a replay would skip it"
                _host.trap(why)

    # Durable calls

    def has_open_call(self) -> bool:
        return any(call.open for call in self._asked)

    def begin(self, function_id: str, arguments: str, reconcilable: bool) -> Begun:
        _refuse_length("begin a durable call: its function id", function_id, 1024)
        arguments = canonical(arguments)
        if any(c.open and (c.function_id, c.arguments) == (function_id, arguments) for c in self._asked):
            why = f'begin durable call "{function_id}": one with the same arguments is open; complete it first'
            _host.trap(why)
        return self._begin(function_id, arguments, reconcilable, None)

    def _begin(self, function_id: str, arguments: str, reconcilable: bool, batch_from: int | None) -> Begun:
        self.call_results.update(self._unrecorded)
        self._unrecorded = {}
        position = len(self._asked)
        ordinal = self._free_ordinal(function_id, arguments, batch_from)
        digest = hashlib.sha256(arguments.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        begun = Begun(position, f"{self._setting.key}/{function_id}/{digest}/{ordinal}", Step.EXECUTE)
        recorded = self.call_results.get(position)
        if recorded is not None:
            if (recorded.function_id, recorded.arguments) != (function_id, arguments):
                was = f"`{recorded.function_id}` {recorded.arguments}"
                self._diverge(f"call {position} was {was}, now it is `{function_id}` {arguments}")
            if recorded.outcome is not None:
                begun.step, begun.outcome = Step.REPLAY, recorded.outcome
            elif not reconcilable:
                self._diverge(f"call {position} is pending, and has no reconciler any more")
            else:
                begun.step = Step.RECONCILE
        elif reconcilable:
            self.call_results[position] = CallResult(function_id, arguments, None)
        asked = _Asked(function_id, arguments, reconcilable, begun.outcome is None, ordinal)
        self._asked.append(asked)
        if begun.outcome is None:
            self.world.enter_body()
        else:
            asked.may_repeat = isinstance(begun.outcome, Failure) and begun.outcome.retryable
            self.calls.append(_shown(function_id, True, begun.outcome))
        return begun

    def _free_ordinal(self, function_id: str, arguments: str, batch_from: int | None) -> int:
        """The lowest ordinal that no call with this function id and these arguments holds. One whose outcome was a
        retryable failure gives its ordinal back, but not to those that began together with it."""
        held = {
            call.ordinal
            for position, call in enumerate(self._asked)
            if (call.function_id, call.arguments) == (function_id, arguments)
            and (not call.may_repeat or (batch_from is not None and position >= batch_from))
        }
        return next(ordinal for ordinal in range(len(held) + 1) if ordinal not in held)

    def complete(self, position: int, outcome: Outcome) -> Outcome:
        call = self._asked[position]
        if not call.open:
            _host.trap(f"no call is open at position {position}")
        if self._setting.crash_in == call.function_id:
            why = f"the process died before the outcome of `{call.function_id}` was recorded"
            _host.end(_host.Ended(Failure("crash", why, retryable=True)))
        call.open = False
        call.may_repeat = isinstance(outcome, Failure) and outcome.retryable
        self.world.leave_body()
        result = CallResult(call.function_id, call.arguments, outcome)
        self.calls.append(_shown(call.function_id, False, outcome))
        if call.may_repeat:
            # Recorded only if the action goes on to another call.
            self._unrecorded[position] = result
        else:
            self.call_results[position] = result
        return outcome

    def _diverge(self, why: str) -> None:
        _host.end(_host.Ended(Failure("divergence", why)))

    # HTTP

    def send(self, request: HttpRequest) -> HttpResponse | HttpError:
        return self.send_all([request])[0]

    def send_all(self, requests: list[HttpRequest]) -> list[HttpResponse | HttpError]:
        """Sends requests that belong to an open call, or else makes a durable call of each."""
        if self.has_open_call():
            return [self._exchange(request) for request in requests]
        batch_from = len(self._asked)
        begun = [self._begin_request(request, batch_from) for request in requests]
        return [self._settle_request(each, request) for each, request in zip(begun, requests)]

    def _begin_request(self, request: HttpRequest, batch_from: int) -> Begun:
        path = request.url.partition("#")[0].partition("?")[0]
        body = list(request.body) if isinstance(request.body, bytes) else request.body
        arguments = {"method": request.method, "url": request.url, "body": body}
        return self._begin(f"{request.method} {path}", canonical(_json.dumps(arguments)), False, batch_from)

    def _settle_request(self, begun: Begun, request: HttpRequest) -> HttpResponse | HttpError:
        if begun.outcome is not None:
            return _decode(begun.outcome)
        headers = request.headers
        if not any(name.lower() == "idempotency-key" for name, _ in headers):
            headers = [*headers, ("Idempotency-Key", begun.id)]
        sent = HttpRequest(request.method, request.url, headers, request.body, request.timeout_ms)
        answer = self._exchange(sent)
        self.complete(begun.position, _encode(answer))
        return answer

    def _exchange(self, request: HttpRequest) -> HttpResponse | HttpError:
        seen = TestRequest(request)
        self.requests.append(seen)
        if self._setting.responder is None:
            _fail_test(AssertionError(f"{seen!r} was sent, and nobody answers: set TestKey.on_request"))
        try:
            answer = self._setting.responder(seen)
        except _host.Ended:
            raise
        except Failure as failure:
            why = f"the responder of {seen!r} raised the failure `{failure.kind}`: answer with a TestResponse"
            _fail_test(AssertionError(why))
        except BaseException as error:
            _fail_test(error)
        if not isinstance(answer, TestResponse):
            _fail_test(AssertionError(f"{seen!r} was answered with {answer!r}: answer with a TestResponse"))
        return answer._answer

    # Its end

    def mistake(self) -> Failure | None:
        """Why the attempt can't complete, though the action returned."""
        for call in self._asked:
            if call.open:
                kind = "reconcilable durable" if call.reconcilable else "durable"
                return Failure("trap", f"the action returned while the {kind} call `{call.function_id}` is open")
        unasked = sorted(position for position in self.call_results if position >= len(self._asked))
        if unasked:
            recorded = self.call_results[unasked[0]]
            why = f"call {unasked[0]} was `{recorded.function_id}`, and the action completed without it"
            return Failure("divergence", why)
        return None


def _fail_test(error: BaseException) -> NoReturn:
    _host.end(TestFailed(error))


def _refuse_length(what: str, name: str, bytes_max: int) -> None:
    """Traps, as the host does, on a name that is empty or longer than it takes."""
    length = len(name.encode())
    if not 1 <= length <= bytes_max:
        _host.trap(f"{what} must be 1 to {bytes_max} bytes, not {length}")


def canonical(text: str) -> str:
    """JSON text by which arguments are compared: fields sorted, no white space, numbers as written."""
    parsed = json.loads(text, parse_int=_Number, parse_float=_Number)
    return _canonical(parsed)


class _Number(str):
    """A number as it is written."""


def _canonical(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-8", "surrogatepass"))
        return "{" + ",".join(f"{_canonical(name)}:{_canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _shown(function_id: str, replayed: bool, outcome: Outcome) -> TestCall:
    if isinstance(outcome, Failure):
        return TestCall(function_id, replayed, failure=outcome)
    return TestCall(function_id, replayed, result=_json.loads(outcome))


def _encode(answer: HttpResponse | HttpError) -> Outcome:
    """A response as a recorded outcome. Statuses that may be gone next time count as retryable failures, whose details
    hold the response, so that a replay gives it back."""
    if isinstance(answer, HttpError):
        return Failure(f"http/{answer.case}", answer.why, retryable=True)
    body = list(answer.body) if isinstance(answer.body, bytes) else answer.body
    recorded = {"status": answer.status, "headers": answer.headers, "body": body}
    if answer.status in (408, 425, 429) or 500 <= answer.status <= 599:
        return Failure("http/status", str(answer.status), retryable=True, details=recorded)
    return _json.dumps(recorded)


def _decode(outcome: Outcome) -> HttpResponse | HttpError:
    if isinstance(outcome, Failure):
        if outcome.kind != "http/status":
            return HttpError(outcome.kind.removeprefix("http/"), outcome.message)
        recorded = outcome.details
    else:
        recorded = _json.loads(outcome)
    body = bytes(recorded["body"]) if isinstance(recorded["body"], list) else recorded["body"]
    return HttpResponse(recorded["status"], [(name, value) for name, value in recorded["headers"]], body)
