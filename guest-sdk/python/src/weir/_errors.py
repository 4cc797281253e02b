"""Exceptions of the user's code as failures that name file and line."""

from __future__ import annotations

import os
import re
from types import TracebackType

from ._failure import Failure

_HERE = os.path.dirname(__file__)
_LINES_MAX = 30
# Where componentize-py shows the folders of its search path, and Python's own library.
_IN_COMPONENT = re.compile(r"^/\d+/")
_LIBRARY = "/python/"


def failure_of(error: BaseException) -> Failure:
    """A fatal failure of kind `error`: the exception, and the last place in the user's own source."""
    return Failure("error", " ".join(filter(None, (summary(error), place_of(error)))))


def summary(error: BaseException) -> str:
    """Type and text of an exception, and of those that it came from."""
    text = f"{type(error).__qualname__}: {_text_of(error)}".rstrip(": ")
    notes = getattr(error, "__notes__", None) or []
    text = "; ".join([text, *map(_text_of, notes)])
    cause = error.__cause__
    return f"{text}, because of {summary(cause)}" if cause is not None else text


def _text_of(value: object) -> str:
    """Its text, or as Python's own tracebacks have it, where `__str__` raises."""
    try:
        return str(value)
    except Exception:
        return "<exception str() failed>"


def report(error: BaseException) -> str:
    """The exception with its whole traceback, for the log."""
    lines, _ = _trace(error)
    return "\n".join(["Traceback (most recent call last):", *(f"  {line}" for line in lines), summary(error)])


def place_of(error: BaseException) -> str:
    """The last place in the user's own source, in brackets."""
    _, last = _trace(error)
    return f"({last})" if last else ""


def place(file: str, line: int) -> str:
    """A place in a source file, as short as it can be found."""
    return f"{_shown(file)}:{line}"


def _trace(error: BaseException) -> tuple[list[str], str | None]:
    lines: list[str] = []
    last = None
    at: TracebackType | None = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if not code.co_filename.startswith(_HERE):
            lines.append(f"{place(code.co_filename, at.tb_lineno)} in {code.co_name}")
            if _is_users(code.co_filename):
                last = lines[-1]
        at = at.tb_next
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        last = place(error.filename, error.lineno)
    if len(lines) > _LINES_MAX:
        half = _LINES_MAX // 2
        lines[half:-half] = [f"… {len(lines) - 2 * half} more …"]
    return lines, last or (lines[-1] if lines else None)


def _is_users(file: str) -> bool:
    library = os.path.dirname(os.__file__)
    return not file.startswith((_LIBRARY, "<", library + os.sep))


def _shown(file: str) -> str:
    if _IN_COMPONENT.match(file):
        return _IN_COMPONENT.sub("", file)
    if file.startswith(_LIBRARY):
        return file.removeprefix(_LIBRARY)
    try:
        relative = os.path.relpath(file)
    except (ValueError, OSError):
        return file
    return file if relative.startswith("..") else relative
