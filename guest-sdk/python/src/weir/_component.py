"""A component: the world's exports, and the host behind its imports. `weir.build` makes the module that starts it."""

from __future__ import annotations

# What the standard library imports only when it is first used, which is too late in a component.
import _strptime  # type: ignore[import-not-found]  # noqa: F401
import encodings.ascii  # noqa: F401
import encodings.cp1252  # noqa: F401
import encodings.idna  # noqa: F401
import encodings.latin_1  # noqa: F401
import encodings.iso8859_15  # noqa: F401
import encodings.punycode  # noqa: F401
import encodings.utf_8_sig  # noqa: F401
import encodings.utf_16  # noqa: F401
import encodings.utf_16_be  # noqa: F401
import encodings.utf_16_le  # noqa: F401
import importlib
import logging
import os
import random
import sys
import traceback  # noqa: F401
from typing import Any

from componentize_py_types import Err, Ok  # type: ignore[import-not-found]
from wit_world.imports import (  # type: ignore[import-not-found]
    config,
    durable_call,
    events,
    http,
    invocation,
    log,
    memory,
    types,
)

from . import _action, _errors, _host, _log, _refusals, _text
from ._failure import Failure
from ._host import Begun, HttpError, HttpRequest, HttpResponse, Outcome, Scope, Step
from ._random import HostRandom

_actions: dict[str, _action.Definition] = {}
_description = ""
_random = HostRandom()
# Its state, if a module seeded it as it was imported.
_random_state: tuple[object, ...] | None = None


def load(module: str) -> None:
    """Imports the module with the actions. Called as the component is built: what is imported then is all there is."""
    global _description, _random_state
    _random_from_the_host()
    _refusals.install_before_imports()
    _log.install()
    importlib.import_module(module)
    _refusals.install_after_imports()
    declared = _action.declared()
    if not declared:
        raise ValueError(f'no action is declared in {module}: write @action("input") above a function')
    for definition in declared:
        definition.prepare()
        _actions[definition.name] = definition
    _description = _action.describe(declared)
    _random_state = _random.kept()


class Actions:
    """The interface that the component exports."""

    def describe(self) -> str:
        """The actions of this component, as JSON."""
        return _description

    def invoke(self, action: str, event: Any) -> None:
        """Runs one action for one event."""
        _random.start(_random_state)
        try:
            with _host.serving(_HOST):
                definition = _actions.get(action)
                if definition is None:
                    raise Failure("unknown-action", f"this component has no action `{action}`")
                _action.invoke(definition, _host.Event(event.id, event.kind, event.payload))
        except _host.Ended as ended:
            # A trap: an answer would be a failure that the action meant.
            print(ended.failure.message, _errors.place_of(ended), file=sys.stderr, flush=True)
            os.abort()
        except Failure as failure:
            if failure.__cause__ is not None and failure.kind == "error":
                _HOST.log(logging.ERROR, _errors.report(failure.__cause__))
            raise Err(_failure_out(failure)) from None
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _random_from_the_host() -> None:
    """Lets the module's functions draw from the host: their generator was seeded as the component was built, and each
    instance would draw the same."""
    functions: Any = random
    functions._inst = _random
    for name in random.__all__:
        if name[0].islower() and hasattr(_random, name):
            setattr(functions, name, getattr(_random, name))
    functions.Random = _RandomSeededLate


class _RandomSeededLate(HostRandom):
    """`random.Random`: one that is not seeded draws from the host, also where it is made as the component is built."""


_LEVELS = {
    "trace": log.Level.TRACE,
    "debug": log.Level.DEBUG,
    "info": log.Level.INFO,
    "warn": log.Level.WARN,
    "error": log.Level.ERROR,
}
_SCOPES = {Scope.SENSORY: memory.Scope.SENSORY, Scope.SHORT_TERM: memory.Scope.SHORT_TERM}


class _ImportedHost:
    """The host behind the contract's imports."""

    def key(self) -> str:
        return str(invocation.key())

    def key_is_text(self) -> bool:
        return bool(invocation.key_is_text())

    def sequence_number(self) -> int:
        return int(invocation.sequence_number())

    def source_timestamp_ms(self) -> int | None:
        given: int | None = invocation.source_timestamp_ms()
        return given

    def header(self, name: str) -> str | None:
        value: str | None = invocation.header(_text.clean(name))
        return value

    def now_ms(self) -> int:
        return int(invocation.now_ms())

    def random_u32(self) -> int:
        return int(invocation.random_u32())

    def config(self, name: str) -> str | None:
        value: str | None = config.get(_text.clean(name))
        return value

    def log(self, level: int, message: str) -> None:
        log.write(_LEVELS[_log.level_name(level)], _text.clean(message))

    def emit(self, kind: str, payload: str) -> str:
        return str(events.emit(kind, payload))

    def memory_get(self, scope: Scope, path: str) -> str | None:
        try:
            value: str | None = memory.get(_SCOPES[scope], path)
        except Err as error:
            raise _memory_failure(error.value) from None
        return value

    def memory_set(self, scope: Scope, path: str, value: str) -> None:
        try:
            memory.set(_SCOPES[scope], path, value)
        except Err as error:
            raise _memory_failure(error.value) from None

    def memory_new_object(self, scope: Scope, path: str) -> None:
        try:
            memory.new_object(_SCOPES[scope], path)
        except Err as error:
            raise _memory_failure(error.value) from None

    def memory_fields(self, scope: Scope, path: str) -> list[str] | None:
        try:
            names: list[str] | None = memory.fields(_SCOPES[scope], path)
        except Err as error:
            raise _memory_failure(error.value) from None
        return names

    def memory_exists(self, scope: Scope, path: str) -> bool:
        try:
            return bool(memory.exists(_SCOPES[scope], path))
        except Err as error:
            raise _memory_failure(error.value) from None

    def memory_remove(self, scope: Scope, path: str) -> bool:
        try:
            return bool(memory.remove(_SCOPES[scope], path))
        except Err as error:
            raise _memory_failure(error.value) from None

    def begin(self, function_id: str, arguments: str, reconcilable: bool) -> Begun:
        begin = durable_call.begin_reconcilable if reconcilable else durable_call.begin
        begun = begin(function_id, arguments)
        if isinstance(begun.step, durable_call.NextStep_Replay):
            return Begun(begun.position, begun.id, Step.REPLAY, _outcome_in(begun.step.value))
        must_ask = isinstance(begun.step, durable_call.NextStep_Reconcile)
        return Begun(begun.position, begun.id, Step.RECONCILE if must_ask else Step.EXECUTE)

    def complete(self, position: int, outcome: Outcome) -> Outcome:
        out = Err(_failure_out(outcome)) if isinstance(outcome, Failure) else Ok(outcome)
        instead = durable_call.complete(position, out)
        return outcome if instead is None else _failure_in(instead)

    def send(self, request: HttpRequest) -> HttpResponse | HttpError:
        try:
            return _response_in(http.send(_request_out(request)))
        except Err as error:
            return _http_error_in(error.value)

    def send_all(self, requests: list[HttpRequest]) -> list[HttpResponse | HttpError]:
        answers = http.send_all([_request_out(request) for request in requests])
        return [
            _response_in(answer.value) if isinstance(answer, Ok) else _http_error_in(answer.value) for answer in answers
        ]


_HOST = _ImportedHost()


def _memory_failure(error: Any) -> Failure:
    """The host's words: they name the path."""
    kinds = {"MemoryError_InvalidPath": "invalid-path", "MemoryError_TypeMismatch": "type-mismatch"}
    return Failure(f"memory/{kinds.get(type(error).__name__, 'other')}", error.value)


def _failure_in(failure: Any) -> Failure:
    return Failure.from_record(
        failure.retryable, failure.retry_after_ms, failure.kind, failure.message, failure.details
    )


def _failure_out(failure: Failure) -> Any:
    return types.Failure(*failure.to_record())


def _outcome_in(outcome: Any) -> Outcome:
    return str(outcome.value) if isinstance(outcome, Ok) else _failure_in(outcome.value)


def _request_out(request: HttpRequest) -> Any:
    body: Any = http.Body_None_()
    if isinstance(request.body, str):
        body = http.Body_Text(request.body)
    elif request.body is not None:
        body = http.Body_Bytes(request.body)
    return http.Request(request.method, request.url, request.headers, body, request.timeout_ms)


def _response_in(response: Any) -> HttpResponse:
    body = None if isinstance(response.body, http.Body_None_) else response.body.value
    return HttpResponse(response.status, response.headers, body)


_HTTP_ERRORS = {
    "HttpError_Denied": "denied",
    "HttpError_InvalidRequest": "invalid-request",
    "HttpError_Timeout": "timeout",
    "HttpError_TooLarge": "too-large",
    "HttpError_Connection": "connection",
}


def _http_error_in(error: Any) -> HttpError:
    return HttpError(_HTTP_ERRORS.get(type(error).__name__, "other"), getattr(error, "value", ""))
