"""HTTP responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import _json
from ._failure import Failure
from ._host import HttpResponse

_RETRYABLE = {408, 425, 429}
_TEXT_MAX = 1000


class Headers(Mapping[str, str]):
    """Headers of a response, by name in any case. Several of one name are joined by `, `, as HTTP allows."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def get_all(self, name: str) -> list[str]:
        """The values of all headers of the name, in the order they came in."""
        return [value for given, value in self._pairs if given.lower() == name.lower()]

    def __repr__(self) -> str:
        return repr(dict(self))


class Response:
    """An HTTP response, as it came or as it was recorded."""

    def __init__(self, url: str, response: HttpResponse) -> None:
        self._response = response
        self.url = url
        """The URL that was asked."""
        self.status_code = response.status
        """The status code."""
        self.headers = Headers(response.headers)
        """The headers, by name in any case."""

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def content(self) -> bytes:
        """The body as bytes; none if there is no body."""
        body = self._response.body
        return body.encode() if isinstance(body, str) else body or b""

    @property
    def text(self) -> str:
        """The body as text; a fatal failure of kind `http/body` if it is not UTF-8."""
        body = self._response.body
        if isinstance(body, str):
            return body
        try:
            return (body or b"").decode()
        except UnicodeDecodeError:
            raise Failure("http/body", f"the answer of {self.url} is no text: read .content") from None

    def json(self) -> Any:
        """The body, read as JSON; a fatal failure of kind `http/body` if it is not that."""
        try:
            return _json.loads(self.text)
        except ValueError as error:
            raise Failure("http/body", f"the answer of {self.url} is no JSON: {error}") from None

    def raise_for_status(self) -> Response:
        """The response if its status is below 400, else it raises a failure, as `Request.send` has it.

        The failure's details are `{"status", "text"}`, the text cut at 1,000 characters."""
        failure = self._failure()
        if failure is not None:
            raise failure
        return self

    def __repr__(self) -> str:
        return f"<response {self.status_code} of {self.url}>"

    def _failure(self) -> Failure | None:
        status = self.status_code
        if status < 400:
            return None
        retryable = status in _RETRYABLE or 500 <= status <= 599
        details = {"status": status, "text": self.content.decode(errors="replace")[:_TEXT_MAX]}
        wait = self._retry_after() if retryable else None
        message = f"{self.url} answered {status}"
        return Failure("http/status", message, retryable=retryable, retry_after=wait, details=details)

    def _retry_after(self) -> int | None:
        """`Retry-After` in seconds. (Its other form, a date, would need the other side's clock.)"""
        value = self.headers.get("retry-after", "").strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
