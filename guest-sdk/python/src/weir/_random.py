"""Random numbers from the host."""

from __future__ import annotations

import random

from . import _host


class HostRandom(random.Random):
    """Random numbers of the running action, the same again on replay. Once it is seeded it goes its own way, as any
    generator does; and outside an action too."""

    # Set before the constructor, which seeds.
    _is_seeded = False
    _second: float | None = None

    @property
    def gauss_next(self) -> float | None:
        """The second of two numbers that `gauss` makes at once; none that an invocation could leave to another."""
        return self._second if self._is_seeded else None

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        self._second = value

    def random(self) -> float:
        """A number from 0.0 up to, and not with, 1.0."""
        if self._is_seeded or not _host.is_running():
            return super().random()
        high, low = _host.current().random_u32() >> 5, _host.current().random_u32() >> 6
        return (high * 2.0**26 + low) / 2.0**53

    def getrandbits(self, k: int) -> int:
        """A number of so many random bits."""
        if self._is_seeded or not _host.is_running():
            return super().getrandbits(k)
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        words = (k + 31) // 32
        value = 0
        for _ in range(words):
            value = value << 32 | _host.current().random_u32()
        return value >> (words * 32 - k)

    def seed(  # type: ignore[override]
        self, a: int | float | str | bytes | bytearray | None = None, version: int = 2
    ) -> None:
        """Seeds it; without a seed it draws from the host again."""
        self._is_seeded = a is not None
        super().seed(a, version)
        self.gauss_next = None

    def setstate(self, state: tuple[object, ...]) -> None:
        """Goes on from a state that was kept."""
        self._is_seeded = True
        super().setstate(state)

    def kept(self) -> tuple[object, ...] | None:
        """What `start` goes on from: a state if it is seeded."""
        return self.getstate() if self._is_seeded else None

    def start(self, kept: tuple[object, ...] | None) -> None:
        """Begins an invocation, which knows nothing of the one before it in the same instance."""
        if kept is not None:
            self.setstate(kept)
        elif self._is_seeded:
            self.seed()
