"""What an action has at hand: its event, its key's memory, and the host's functions."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload

from . import _durable, _host, _json, _request, _text
from ._durable import Call, DurableCall
from ._failure import Failure
from ._memory import Memory
from ._random import HostRandom
from ._request import Request
from ._response import Response

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")

_log = logging.getLogger("weir")


class RequestOptions(TypedDict, total=False):
    """What `Context.get` and its like take besides the URL; `Context.request` says what each is."""

    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None
    json: Any
    data: str | bytes | Mapping[str, Any] | None
    timeout: float | timedelta | None
    raise_for_status: bool


class Context:
    """What an action has at hand: its event, its key's memory, and the host's functions.

    Everything here is the same again when the action is run again after a crash, so an action that takes time,
    randomness and the outside world from here does what it did before.
    """

    def __init__(self, event: _host.Event) -> None:
        self._event = event
        self._unsent: list[Request] = []
        self._random: HostRandom | None = None
        self.memory = Memory(_host.Scope.SHORT_TERM)
        """Short-term memory: it lives with the key."""
        self.sensory = Memory(_host.Scope.SENSORY)
        """Sensory memory: it lives for one run, from the input event to the last action it caused."""
        self.config = Config()
        """The settings that the manifest gives this component as `config.NAME`."""

    # Events

    def emit(self, kind: str, payload: Any = None) -> str:
        """Emits an event, for the actions that listen to its kind, to take effect when this action completes.

        Gives the event's id, which is the same again on replay."""
        return _host.current().emit(_clean(kind, "the kind of an event"), _json.dumps(payload))

    def output(self, payload: Any) -> None:
        """Emits an output event: it leaves by the sink when this action has completed."""
        self.emit("output", payload)

    # Durable calls

    def durable(
        self,
        function_id: str,
        arguments: Any = None,
        run: Callable[[Call], T] | None = None,
        *,
        reconcile: Callable[[Call], Any] | None = None,
    ) -> T:
        """A side effect, or work not to be done twice: calls `run` and records its outcome, failures too; when the
        action is run again, gives what was recorded instead.

            fee = ctx.durable("fee", order, lambda call: fee_for(order))
            charge = ctx.durable("charge", order, run=lambda call: new_charge(ctx, call.id, order),
                                 reconcile=lambda call: find_charge(ctx, call.id))

        `function_id` and `arguments` say which call it is. If the process dies after the effect and before the record,
        `run` is called again with the same `Call.id`: hand that to the other side as its idempotency key. With
        `reconcile` that is asked first what became of the call: it gives the result; or None, it never happened, so
        that it is run (`call.happened(None)`: it did, with the result None); or raises a `Failure`, a retryable one to
        be asked again later, a fatal one as the outcome. Any other exception of it ends the attempt, and leaves open
        what became of the call.

        Memory can't be changed, nor events emitted, nor another durable call made, in `run`: a replay skips it. An
        exception in it is recorded, as a `Failure` of kind `error` if it is none itself.
        """
        if run is None:
            raise TypeError(f'durable call `{function_id}` has nothing to run: ctx.durable("…", arguments, run=…)')
        return _durable.make(_clean(function_id, "the name of a durable call"), _json.dumps(arguments), run, reconcile)

    @overload
    def durable_call(
        self,
        function_id: str,
        arguments: Any = None,
        *,
        request: Request,
        reconcile: Callable[[Call], Any] | None = None,
    ) -> DurableCall[Any]: ...
    @overload
    def durable_call(
        self,
        function_id: str,
        arguments: Any = None,
        *,
        request: Request,
        read: Callable[[Response], T],
        reconcile: Callable[[Call], Any] | None = None,
    ) -> DurableCall[T]: ...

    def durable_call(
        self,
        function_id: str,
        arguments: Any = None,
        *,
        request: Request,
        read: Callable[[Response], Any] | None = None,
        reconcile: Callable[[Call], Any] | None = None,
    ) -> DurableCall[Any]:
        """A durable call whose effect is one request, not yet made: for several at once, with `durable_all`.

        `read` makes its result of the response, its JSON if none is given."""
        self._settle(request)
        function_id = _clean(function_id, "the name of a durable call")
        return DurableCall(function_id, _json.dumps(arguments), request, read or _json_of, reconcile)

    def durable_all(self, *calls: DurableCall[T] | Iterable[DurableCall[T]]) -> list[T]:
        """Makes several durable calls at once: opens all, sends their requests together, and records each outcome.

        Gives all results, or raises the first failure in order; `durable_each` gives each one's own."""
        return _all(self.durable_each(*calls))

    def durable_each(self, *calls: DurableCall[T] | Iterable[DurableCall[T]]) -> list[T | Failure]:
        """As `durable_all`, with a result or a `Failure` for each. It fails as a whole, before anything is sent, if a
        call can't be made or a reconciler wants to be asked again."""
        return _durable.make_each(_flat(calls, DurableCall))

    # HTTP

    def get(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a GET request; options as in `request`."""
        return self.request("GET", url, **options).send()

    def post(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a POST request, `ctx.post(url, json=order)`; options as in `request`."""
        return self.request("POST", url, **options).send()

    def put(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a PUT request; options as in `request`."""
        return self.request("PUT", url, **options).send()

    def patch(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a PATCH request; options as in `request`."""
        return self.request("PATCH", url, **options).send()

    def delete(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a DELETE request; options as in `request`."""
        return self.request("DELETE", url, **options).send()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        json: Any = None,
        data: str | bytes | Mapping[str, Any] | None = None,
        timeout: float | timedelta | None = None,
        raise_for_status: bool = True,
    ) -> Request:
        """A request that is not yet sent: for `send_all`, for `durable_call`, or for its own `send`.

        Each request, to an origin that the manifest grants, is a durable call: its response is recorded, and given
        again when the action is run again, and it carries an `Idempotency-Key` that is the same if it must be sent
        again. Inside the `run` of a durable call it is part of that, and carries none of its own: give it `call.id`.

        `params` are added to the URL; `json` is sent as JSON, `data` as it is, a mapping as a form; `timeout` is in
        seconds, and the host's own limit holds as well. Without `raise_for_status` the response is given whatever its
        status; otherwise, from 400 on, it is a `Failure`.
        """
        options = _request.Options(params, headers, json, data, timeout, raise_for_status)
        request = Request(method, url, options)
        self._unsent.append(request)
        return request

    def send_all(self, *requests: Request | Iterable[Request]) -> list[Response]:
        """Sends several requests at once. Gives all responses, or raises the first failure in order; `send_each` gives
        each one's own.

            stock, fraud = ctx.send_all(ctx.request("POST", STOCK, json=order), ctx.request("POST", FRAUD, json=order))
        """
        return _all(self.send_each(*requests))

    def send_each(self, *requests: Request | Iterable[Request]) -> list[Response | Failure]:
        """As `send_all`, with a response or a `Failure` for each."""
        return _request.send_each(_flat(requests, Request))

    # Where this invocation stands

    @property
    def key(self) -> str:
        """The key that the event belongs to; percent-encoded if it is not UTF-8."""
        return _host.current().key()

    @property
    def key_is_text(self) -> bool:
        """Whether `key` is the key as it is, and not percent-encoded."""
        return _host.current().key_is_text()

    @property
    def sequence_number(self) -> int:
        """How many input events this key had before this run's."""
        return _host.current().sequence_number()

    @property
    def event_id(self) -> str:
        """Id of the event."""
        return self._event.id

    @property
    def event_kind(self) -> str:
        """Kind of the event."""
        return self._event.kind

    @property
    def event_payload(self) -> str:
        """Payload of the event, as JSON text."""
        return self._event.payload

    @property
    def source_timestamp_ms(self) -> int | None:
        """When the run's input event came about, as its source says, in milliseconds since 1970 UTC."""
        return _host.current().source_timestamp_ms()

    def header(self, name: str, default: str | None = None) -> str | None:
        """A header of the run's input event."""
        value = _host.current().header(name)
        return default if value is None else value

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC: when this action first started, or when its last durable call had its outcome.
        The same again on replay."""
        return _host.current().now_ms()

    def now(self) -> datetime:
        """As `now_ms`, as a `datetime` in UTC."""
        return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=self.now_ms)

    def random_u32(self) -> int:
        """A random number below 2**32, the same again on replay."""
        return _host.current().random_u32()

    @property
    def random(self) -> random.Random:
        """Random numbers, the same again on replay: `ctx.random.choice(shops)`."""
        if self._random is None:
            self._random = HostRandom()
        return self._random

    def _settle(self, request: Request) -> None:
        self._unsent = [each for each in self._unsent if each is not request]

    def _finish(self, name: str, returned: object) -> None:
        """Says what looks like a mistake of an action that returned."""
        if returned is not None:
            _log.warning("action `%s` returned a value, which goes nowhere: use ctx.output", name)
        for request in self._unsent:
            if not request.is_sent:
                _log.warning("%r was made and never sent: call .send() of it, or ctx.send_all", request)


class Config:
    """The settings that the manifest gives this component as `config.NAME`. They are text."""

    def get(self, name: str, default: str | None = None) -> str | None:
        """A setting, or the default if the manifest has none."""
        value = _host.current().config(name)
        return default if value is None else value

    def __getitem__(self, name: str) -> str:
        """A setting that the action can't do without: a fatal failure of kind `config` if the manifest has none."""
        value = _host.current().config(name)
        if value is None:
            raise Failure("config", f"the manifest gives no config.{name}: add it to this [[component]]")
        return value

    def __contains__(self, name: str) -> bool:
        return _host.current().config(name) is not None


def _clean(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} is a string, not {type(text).__name__} {text!r}")
    if not _text.is_clean(text):
        raise Failure("text", f"{what} has a lone surrogate, which is no text: {text!r}")
    return text


def _json_of(response: Response) -> Any:
    return response.json()


def _all(results: list[T | Failure]) -> list[T]:
    values: list[T] = []
    for result in results:
        if isinstance(result, Failure):
            raise result
        values.append(result)
    return values


def _flat(given: tuple[Any, ...], wanted: type[T]) -> list[T]:
    """What was given one by one, or as one list."""
    if len(given) == 1 and not isinstance(given[0], wanted):
        given = tuple(given[0])
    for each in given:
        if not isinstance(each, wanted):
            how = "ctx.durable_call(…)" if wanted is DurableCall else "ctx.request(…)"
            raise TypeError(f"{type(each).__name__} is none of those to make at once: make each by {how}")
    return list(given)
