"""What a test sees of an action, and how it answers its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _json
from .._failure import Failure
from .._host import HttpError, HttpRequest, HttpResponse
from .._response import Headers


@dataclass(frozen=True)
class TestEvent:
    """An emitted event."""

    __test__ = False

    kind: str
    """What actions listen to."""
    payload: Any
    """Its JSON, as Python's own values."""
    id: str
    """Its id, the same again on replay."""


@dataclass(frozen=True)
class Completed:
    """What an action did that completed."""

    all_events: list[TestEvent]
    """All that it emitted, in order."""

    @property
    def events(self) -> list[TestEvent]:
        """The events it emitted for other actions, in order."""
        return [event for event in self.all_events if event.kind != "output"]

    @property
    def outputs(self) -> list[Any]:
        """The payloads of its output events, in order."""
        return self.payloads("output")

    def payloads(self, kind: str) -> list[Any]:
        """The payloads of the events of a kind, in order."""
        return [event.payload for event in self.all_events if event.kind == kind]


@dataclass(frozen=True)
class TestCall:
    """A durable call of an attempt."""

    __test__ = False

    function_id: str
    """Its function id; of a request `METHOD origin/path`."""
    replayed: bool
    """Whether its outcome was recorded by an earlier attempt, and the call not made again."""
    result: Any = None
    """What it gave, if it succeeded."""
    failure: Failure | None = None
    """Why it did not succeed."""


class TestRequest:
    """A request that an action sent."""

    __test__ = False

    def __init__(self, request: HttpRequest) -> None:
        self._body = request.body
        self.method = request.method
        """GET, POST, …"""
        self.url = request.url
        """The whole URL."""
        self.headers = Headers(list(request.headers))
        """The headers, by name in any case."""
        self.timeout = None if request.timeout_ms is None else request.timeout_ms / 1000
        """After how many seconds the action gives up."""

    @property
    def content(self) -> bytes:
        """The body as bytes; none if there is no body."""
        return self._body.encode() if isinstance(self._body, str) else self._body or b""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def json(self) -> Any:
        """The body, read as JSON."""
        return _json.loads(self.content)

    def __repr__(self) -> str:
        return f"<request {self.method} {self.url}>"


class TestResponse:
    """How a test answers a request.

    TestResponse(json={"ticket": 7})
    TestResponse(status=503, headers={"Retry-After": "2"})
    TestResponse(text="gone", status=410)
    TestResponse.timeout()
    """

    __test__ = False

    def __init__(
        self,
        *,
        status: int = 200,
        json: Any = None,
        text: str | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        body: str | bytes | None = text if text is not None else content
        if json is not None:
            body = _json.dumps(json)
        pairs = list((headers or {}).items())
        self._answer: HttpResponse | HttpError = HttpResponse(status, pairs, body)

    @classmethod
    def timeout(cls) -> TestResponse:
        """No answer in time."""
        return cls._error("timeout", "")

    @classmethod
    def connection_failed(cls, why: str = "connection refused") -> TestResponse:
        """No connection."""
        return cls._error("connection", why)

    @classmethod
    def denied(cls, why: str = "the manifest does not grant this origin") -> TestResponse:
        """The manifest does not grant this origin."""
        return cls._error("denied", why)

    @classmethod
    def _error(cls, case: str, why: str) -> TestResponse:
        response = cls()
        response._answer = HttpError(case, why)
        return response
