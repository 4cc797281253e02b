"""HTTP requests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlencode

from . import _host, _json, _text
from ._failure import Failure
from ._host import HttpError, HttpRequest
from ._response import Response

_TIMEOUT_MS_MAX = 2**32 - 1
_RETRYABLE = {"timeout", "connection", "other"}


@dataclass(frozen=True)
class Options:
    """What `Context.request` takes besides method and URL."""

    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None
    json: Any = None
    data: str | bytes | Mapping[str, Any] | None = None
    timeout: float | timedelta | None = None
    raise_for_status: bool = True


class Request:
    """An HTTP request that is not yet sent. Made by `Context.request`; sent by `send`, `Context.send_all` or
    `Context.durable_all`."""

    def __init__(self, method: str, url: str, options: Options) -> None:
        body, content_type = _body(options)
        pairs = options.headers.items() if isinstance(options.headers, Mapping) else options.headers or ()
        headers = [(str(name), str(value)) for name, value in pairs]
        self._request = HttpRequest(method.upper(), _url(url, options.params), headers, body, _ms(options.timeout))
        if content_type and not self._has_header("content-type"):
            headers.append(("Content-Type", content_type))
        self._raises = options.raise_for_status
        self.is_sent = False
        """Whether it was sent, or is part of a durable call that was made."""

    @property
    def method(self) -> str:
        """GET, POST, …"""
        return self._request.method

    @property
    def url(self) -> str:
        """The whole URL."""
        return self._request.url

    def send(self) -> Response:
        """Sends it, and gives the response if its status is below 400, or whatever its status is if it was made with
        `raise_for_status=False`.

        Else it raises a `Failure` of kind `http/status`, retryable for 408, 425, 429 and 5xx (not before the response's
        `Retry-After`), fatal for the others; without any response, one of kind `http/timeout`, `http/connection`
        (retryable), `http/denied`, `http/invalid-request`, `http/too-large` (fatal)."""
        self._check()
        answer = self._read(_host.current().send(self._leave()))
        if isinstance(answer, Failure):
            raise answer
        return answer

    def __repr__(self) -> str:
        return f"<request {self.method} {self.url}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("json", "text", "content", "status_code", "ok", "headers"):
            raise AttributeError(f"{self!r} has no `{name}` before it is sent: ctx.request(…).send().{name}")
        raise AttributeError(f"a request has no `{name}`")

    def _check(self) -> None:
        """Refuses what can't leave as text, before anything is sent."""
        texts = [self.method, self.url, *(part for header in self._request.headers for part in header)]
        if isinstance(self._request.body, str):
            texts.append(self._request.body)
        for text in texts:
            if not _text.is_clean(text):
                raise Failure("http/invalid-request", f"{self.url!r}: {text[:80]!r} has a lone surrogate")

    def _leave(self, idempotency_key: str | None = None) -> HttpRequest:
        """What is sent. The key of a call stands on a copy, for the same request may be part of another call."""
        self.is_sent = True
        if idempotency_key is None or self._has_header("idempotency-key"):
            return self._request
        headers = [*self._request.headers, ("Idempotency-Key", idempotency_key)]
        return replace(self._request, headers=headers)

    def _read(self, answer: _host.HttpResponse | HttpError) -> Response | Failure:
        if isinstance(answer, HttpError):
            return _no_response(answer, self.url)
        response = Response(self.url, answer)
        return response._failure() or response if self._raises else response

    def _has_header(self, wanted: str) -> bool:
        return any(name.lower() == wanted for name, _ in self._request.headers)


def send_each(requests: list[Request], idempotency_keys: list[str] | None = None) -> list[Response | Failure]:
    """Sends all at once, each with its idempotency key if there are any, and gives a response or a failure for each."""
    for request in requests:
        request._check()
    if not requests:
        return []
    keys: Sequence[str | None] = idempotency_keys or [None] * len(requests)
    answers = _host.current().send_all([request._leave(key) for request, key in zip(requests, keys)])
    return [request._read(answer) for request, answer in zip(requests, answers)]


def _no_response(error: HttpError, url: str) -> Failure:
    why = f"no answer from {url} in time" if error.case == "timeout" else f"{url}: {error.why}"
    return Failure(f"http/{error.case}", why, retryable=error.case in _RETRYABLE)


def _url(url: str, params: Mapping[str, Any] | None) -> str:
    if not isinstance(url, str):
        raise TypeError(f"the URL of a request is a string, not {type(url).__name__} {url!r}")
    if not params:
        return url
    query = urlencode({name: value for name, value in params.items() if value is not None}, doseq=True)
    base, mark, fragment = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{query}{mark}{fragment}"


def _body(options: Options) -> tuple[str | bytes | None, str | None]:
    """The body, as text wherever it is that, for text crosses faster; and the type that goes with it."""
    data = options.data
    if data is not None and options.json is not None:
        raise TypeError("a request has json or data, not both")
    if options.json is not None:
        return _json.dumps(options.json), "application/json"
    if data is None or isinstance(data, str):
        return data, None
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True), "application/x-www-form-urlencoded"
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"data is text, bytes or a mapping, not {type(data).__name__}")
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return bytes(data), None


def _ms(timeout: float | timedelta | None) -> int | None:
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float, timedelta)):
        raise TypeError(f"timeout is in seconds, one number, not {timeout!r}")
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not 0 < seconds < math.inf:
        raise ValueError(f"timeout is {seconds} seconds: it must be more than none, and not endless")
    return min(math.ceil(seconds * 1000), _TIMEOUT_MS_MAX)
