"""What Python offers and an action can't use: each says what to use instead, where it would else fail in silence, or
in words of the machine below."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from . import _durable, _host

_HTTP = "an action has no sockets: use ctx.get, ctx.post and their like, which are granted, recorded and replayed"
_THREADS = "an action has no threads: for requests at once use ctx.send_all(ctx.request(…), …); other keys go on anyway"
_ASYNCIO = "an action has no event loop: its calls block, and other keys go on; for requests at once use ctx.send_all"
_SLEEP = (
    "an action does not wait: to be run again later raise Failure(kind, message, retry_after=seconds). "
    "(Inside the body of a durable call it does wait)"
)


def install_before_imports() -> None:
    """Puts its own in the place of functions that a module may take as it is imported."""
    sleep = time.sleep

    def refuse_sleep(seconds: float, /) -> None:
        if _host.is_running() and not _durable.is_in_body():
            raise RuntimeError(f"time.sleep: {_SLEEP}")
        sleep(seconds)

    _set(time, "sleep", refuse_sleep)


def install_after_imports() -> None:
    """Changes what the imported modules have; what is not imported by now never will be."""
    if "threading" in sys.modules:
        _set(sys.modules["threading"].Thread, "start", _refuse("threading", RuntimeError, _THREADS))
    if "socket" in sys.modules:
        sockets = sys.modules["socket"]
        _set(sockets.socket, "__init__", _refuse("socket", OSError, _HTTP))
        for name in ("getaddrinfo", "gethostbyname", "create_connection"):
            _set(sockets, name, _refuse(f"socket.{name}", OSError, _HTTP))
    if "asyncio" in sys.modules:
        _set(sys.modules["asyncio.events"], "new_event_loop", _refuse("asyncio", RuntimeError, _ASYNCIO))
    sys.meta_path.append(_LateImports())


class _LateImports:
    """The last to be asked for a module: at run time there are no files to import from."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Finds nothing, and says why."""
        if _host.is_running():
            raise ModuleNotFoundError(
                f"import {name} while an action runs: a component has no files to import from; "
                "import it at the top of your file, so that it is built in",
                name=name,
            )
        return None


def _refuse(name: str, error: type[Exception], why: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise error(f"{name}: {why}")

    return refused


def _set(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)
