"""Lines to the host's log, which adds key, sequence number and action: Python's `logging` leads there, and `print`."""

from __future__ import annotations

import logging

from . import _host, _text


class HostHandler(logging.Handler):
    """Hands records of `logging` to the host of the running action."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record."""
        if not _host.is_running():
            return
        try:
            text = record.getMessage()
        except Exception as error:
            text = f"{record.msg} (not formatted: {error})"
        if record.name not in ("root", "weir"):
            text = f"{record.name}: {text}"
        if record.exc_info and record.exc_info[1] is not None:
            from . import _errors

            text = f"{text}\n{_errors.report(record.exc_info[1])}"
        _host.current().log(record.levelno, _text.clean(text))


def level_name(level: int) -> str:
    """The contract's name of one of `logging`'s levels."""
    if level >= logging.ERROR:
        return "error"
    if level >= logging.WARNING:
        return "warn"
    if level >= logging.INFO:
        return "info"
    return "debug" if level >= logging.DEBUG else "trace"


def install() -> None:
    """Leads all of `logging` to the host."""
    root = logging.getLogger()
    root.addHandler(HostHandler())
    root.setLevel(1)
