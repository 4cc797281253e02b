"""Time and randomness of the process, served by the attempt while it runs, as the host serves them in a component."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import _log

if TYPE_CHECKING:
    from ._attempt import Attempt

# The generator behind the functions of `random`, also those that a module took by `from random import …`.
_GENERATOR: random.Random = random._inst


class World:
    """The process as an action sees it during one attempt."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._outside: list[Any] = []

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Serves clock, randomness and `logging` until it is left."""
        attempt = self._attempt
        generator = _GENERATOR.getstate()
        _GENERATOR.seed(attempt.random_bytes(32))
        handler, root = _log.HostHandler(), logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(1)
        served = [
            (time, "time", lambda: attempt.now_us() / 1e6),
            (time, "time_ns", lambda: attempt.now_us() * 1000),
            (os, "urandom", attempt.random_bytes),
            (random, "_urandom", attempt.random_bytes),
        ]
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in served]
        for owner, name, value in served:
            setattr(owner, name, value)
        try:
            yield
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)
            root.removeHandler(handler)
            root.setLevel(level)
            _GENERATOR.setstate(generator)

    def enter_body(self) -> None:
        """The body of a call draws numbers of its own, for a replay skips it."""
        self._outside.append(_GENERATOR.getstate())
        _GENERATOR.seed(self._attempt.random_bytes(32))

    def leave_body(self) -> None:
        """Goes on with the numbers from before the body."""
        _GENERATOR.setstate(self._outside.pop())
