"""Values to JSON text and back: what JSON can't say is refused by name, never bent to fit."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any

from . import _text

_MINUS_ZERO = "-0"
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = frozenset((str, bool, int, type(None)))


@dataclasses.dataclass(frozen=True)
class RawJson:
    """JSON text that is passed on as it is, wherever a whole value is taken: `ctx.output(RawJson(text))`.

    An action whose first parameter is annotated with it gets its payload so: numbers stay as they are written, and
    nothing is read that only passes through."""

    text: str
    """The JSON text."""

    def read(self) -> Any:
        """The value, as Python's own. A `ValueError` if it is no JSON."""
        return loads(self.text)


def dumps(value: Any) -> str:
    """The value as JSON text. A fatal failure of kind `json` says what in it is no JSON, and where."""
    if isinstance(value, RawJson):
        return _leaving(value.text)
    try:
        _check(value, "")
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)
    except RecursionError:
        raise _no_json("", "a value that holds itself, or is too deep") from None
    except ValueError as error:
        raise _no_json("", f"no JSON: {error}") from None
    return _leaving(text)


def _leaving(text: str) -> str:
    # Surrogates stand in strings only, where an escape says the same.
    return text if _text.is_clean(text) else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def loads(text: str | bytes) -> Any:
    """The value of JSON text; a `ValueError` if it is none, or has a number that Python would take for infinite."""
    if _MINUS_ZERO in text if isinstance(text, str) else _MINUS_ZERO.encode() in text:
        return json.loads(text, parse_float=_float, parse_int=_int, parse_constant=_constant)
    return json.loads(text, parse_float=_float, parse_constant=_constant)


def _check(value: Any, at: str) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is float or isinstance(value, float):
        if not math.isfinite(value):
            raise _no_json(at, f"{value}, which no JSON number can be: use None or a string")
    elif isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise _no_json(at, f"a dict with the key {name!r}: keys must be strings, so write str({name!r})")
            if type(item) not in _PLAIN:
                _check(item, f"{at}.{name}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if type(item) not in _PLAIN:
                _check(item, f"{at}[{index}]")
    elif isinstance(value, RawJson):
        raise _no_json(at, "a RawJson inside another value: read() it, or pass it by itself")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            _check(getattr(value, field.name), f"{at}.{field.name}")
    elif not isinstance(value, (str, int)):
        raise _no_json(at, f"of type {kind.__qualname__}" + _HINTS.get(kind.__qualname__, ""))


def _default(value: Any) -> Any:
    # Checked: only data classes come here.
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


_HINTS = {
    "Decimal": ": use str(…)",
    "UUID": ": use str(…)",
    "bytes": ": use .decode(), or base64.b64encode(…).decode()",
    "bytearray": ": use .decode(), or base64.b64encode(…).decode()",
    "datetime": ": use .isoformat()",
    "date": ": use .isoformat()",
    "time": ": use .isoformat()",
    "timedelta": ": use .total_seconds()",
    "set": ": use sorted(…)",
    "frozenset": ": use sorted(…)",
    "coroutine": ": actions and their helpers are plain functions, not async ones",
    "generator": ": use list(…)",
    "Response": ": use .json() or .text of it",
    "Request": ": send it first, and use .json() or .text of the response",
}


def _no_json(at: str, what: str) -> Exception:
    from ._failure import Failure

    where = f"the value at {at.removeprefix('.')}" if at else "the value"
    return Failure("json", f"{where} is {what}")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:40]} is too large for a float")
    return value


def _int(text: str) -> int | float:
    # No integer keeps this sign.
    return -0.0 if text == _MINUS_ZERO else int(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
