"""Keyed memory, as Python's own values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, Union, overload

from . import _host, _json, _text
from ._failure import Failure

T = TypeVar("T")
D = TypeVar("D")

Path = Union[str, tuple[str, ...]]
"""A dotted path, `"order.items"`, or the names that it is made of, `("order", "items")`."""

_MISSING: Any = object()


class Memory:
    """One of an action's two memories: a tree of objects whose leaves are JSON values, addressed by dotted paths.

        ctx.memory["order.count"] = 3            # parents are made
        ctx.memory["order.count"]                # 3; KeyError if nothing is there
        ctx.memory.get("order.total", 0)
        ctx.memory["order"]                      # {"count": 3}: all that is below it
        ctx.memory["seen", place] = True         # names from outside: dots in them are no separators
        "order.count" in ctx.memory
        del ctx.memory["order"]                  # with all below it

    What an action sets it reads back at once; others see it when the action has completed, and not at all if it fails.

    A value that is set is a leaf, whatever it holds: paths do not reach into it, and a value does not go over an object
    (a failure of kind `memory/type-mismatch`). What is read is a copy: to change it, set it again or use `update`. Use
    a path for each part that changes by itself, so that a change costs no more than that part.
    """

    def __init__(self, scope: _host.Scope, host: Callable[[], _host.Host] = _host.current, prefix: str = "") -> None:
        self._scope = scope
        self._host = host
        self._prefix = prefix

    def __getitem__(self, path: Path) -> Any:
        value = self.get(path, _MISSING)
        if value is _MISSING:
            raise KeyError(self._missing(path))
        return value

    def __setitem__(self, path: Path, value: Any) -> None:
        self._host().memory_set(self._scope, self._whole(path), _json.dumps(value))

    def __delitem__(self, path: Path) -> None:
        if not self.remove(path):
            raise KeyError(self._missing(path))

    def __contains__(self, path: Path) -> bool:
        return self._host().memory_exists(self._scope, self._whole(path))

    def __iter__(self) -> Iterator[str]:
        """The paths of what stands at the root, in the order of their UTF-8 bytes."""
        return iter([escape(name) for name in self.fields()])

    def __len__(self) -> int:
        return len(self.fields())

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self._scope.value} memory{f' at {self._prefix}' if self._prefix else ''}>"

    @overload
    def get(self, path: Path) -> Any: ...
    @overload
    def get(self, path: Path, default: D) -> Any | D: ...

    def get(self, path: Path, default: Any = None) -> Any:
        """The value at the path, or the object there with all that is below it; the default if nothing is there."""
        text = self._host().memory_get(self._scope, self._whole(path))
        return default if text is None else _json.loads(text)

    def update(self, path: Path, change: Callable[[Any], T], default: Any = None) -> T:
        """Sets the path to what `change` makes of the value there, or of the default where none is, and gives it.

        `change` gives the new value; None, as from `list.append`, is refused."""
        value = change(self.get(path, default))
        if value is None:
            raise TypeError(
                f"the update of {self._whole(path)} gave None: "
                "give the new value, as `lambda names: [*names, name]` does"
            )
        self[path] = value
        return value

    def setdefault(self, path: Path, default: Any) -> Any:
        """The value at the path; the default, which is set then, if nothing is there."""
        value = self.get(path, _MISSING)
        if value is not _MISSING:
            return value
        self[path] = default
        return default

    def pop(self, path: Path, default: Any = _MISSING) -> Any:
        """Removes the value at the path and gives it; the default, or a KeyError without one, if nothing is there."""
        value = self.get(path, _MISSING)
        if value is not _MISSING:
            self.remove(path)
            return value
        if default is _MISSING:
            raise KeyError(self._missing(path))
        return default

    def remove(self, path: Path) -> bool:
        """Removes the value, or the object with all below it; whether something was there."""
        return self._host().memory_remove(self._scope, self._whole(path))

    def fields(self, path: Path = "") -> list[str]:
        """Names of the fields of the object at the path, in the order of their UTF-8 bytes; none if no object is there.

        They are names, not paths: `ctx.memory["orders", name]` takes each as it is."""
        return self._host().memory_fields(self._scope, self._whole(path)) or []

    def is_object(self, path: Path) -> bool:
        """Whether an object, and not a value, stands at the path."""
        return self._host().memory_fields(self._scope, self._whole(path)) is not None

    def new_object(self, path: Path) -> None:
        """Makes an empty object; nothing happens where one is."""
        self._host().memory_new_object(self._scope, self._whole(path))

    def at(self, path: Path) -> Memory:
        """The part of this memory below the path, as a memory of its own: `ctx.memory.at("order")["count"] = 3`."""
        return Memory(self._scope, self._host, self._whole(path))

    def _whole(self, path: Path) -> str:
        if isinstance(path, tuple):
            path = ".".join(escape(name) for name in path)
        elif not isinstance(path, str):
            raise TypeError(f"a path is a string or a tuple of strings, not {type(path).__name__} {path!r}")
        if not _text.is_clean(path):
            raise Failure("memory/invalid-path", f"the path {path!r} has a lone surrogate, which is no text")
        if not self._prefix or not path:
            return self._prefix or path
        return f"{self._prefix}.{path}"

    def _missing(self, path: Path) -> str:
        """Why nothing is there: also a path that reaches into a value finds nothing."""
        whole = self._whole(path)
        names = _split(whole)
        for length in range(1, len(names)):
            parent = ".".join(names[:length])
            if self._host().memory_exists(self._scope, parent) and not self.is_object(parent):
                return f"{whole} ({parent} is a value that was set whole: paths do not reach into it)"
        return whole


def escape(name: str) -> str:
    """A name for use in a path, its dots and backslashes escaped. `memory["seen", name]` does it by itself.

    An empty name is refused with a failure of kind `memory/invalid-path`."""
    if not isinstance(name, str):
        raise TypeError(f"a name in a path is a string, not {type(name).__name__} {name!r}: write str({name!r})")
    if not name:
        why = "a path can't be made with an empty name, which would mean what stands above: check the name before"
        raise Failure("memory/invalid-path", why)
    return name.replace("\\", "\\\\").replace(".", "\\.")


def _split(path: str) -> list[str]:
    """The names of a path, still escaped."""
    names = [""]
    escaped = False
    for character in path:
        if character == "." and not escaped:
            names.append("")
            continue
        names[-1] += character
        escaped = character == "\\" and not escaped
    return names
