"""Memory of a unit test: the same rules as the host's."""

from __future__ import annotations

import copy
import json
from typing import Any

from .._failure import Failure


class Tree:
    """A tree of objects whose leaves are JSON values."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def copy(self) -> Tree:
        """A tree of its own."""
        made = Tree()
        made._root = copy.deepcopy(self._root)
        return made

    def get(self, path: str) -> Any:
        """The value at the path, an object as a dict; `MISSING` if nothing is there."""
        names = _names(path)
        if not names:
            return _value(self._root)
        parent = self._below(names[:-1])
        node = MISSING if parent is None else parent.get(names[-1], MISSING)
        return node if node is MISSING else _value(node)

    def fields(self, path: str) -> list[str] | None:
        """Names of the fields of the object at the path, in the order of their bytes."""
        at = self._below(_names(path))
        return None if at is None else sorted(at, key=lambda name: name.encode())

    def set(self, path: str, value: Any) -> None:
        """Puts a leaf."""
        names = _names(path)
        if not names or isinstance(self._place(names, path), dict):
            raise _mismatch(f"set {_shown(path)}: an object stands there; remove it first")
        self._make(names[:-1])[names[-1]] = Leaf(value)

    def new_object(self, path: str) -> None:
        """Makes an empty object; nothing happens where one is."""
        names = _names(path)
        if not names:
            return
        if isinstance(self._place(names, path), Leaf):
            raise _mismatch(f"make object {_shown(path)}: a value stands there; remove it first")
        self._make(names)

    def remove(self, path: str) -> bool:
        """Removes what is there, all below it too; the parent stays, though it may be empty now."""
        names = _names(path)
        if not names:
            had = bool(self._root)
            self._root.clear()
            return had
        parent = self._below(names[:-1])
        return parent is not None and parent.pop(names[-1], MISSING) is not MISSING

    def _below(self, names: list[str]) -> dict[str, Any] | None:
        """The object at the path, if it is there. A read finds nothing below a value."""
        at = self._root
        for name in names:
            node = at.get(name)
            if not isinstance(node, dict):
                return None
            at = node
        return at

    def _place(self, names: list[str], path: str) -> Any:
        """What stands at a path to be changed, which must not go through a value."""
        at = self._root
        for name in names[:-1]:
            node = at.get(name)
            if isinstance(node, Leaf):
                why = f"change {_shown(path)}: a value stands at {_shown(name)}; paths do not reach into values"
                raise _mismatch(why)
            if node is None:
                return None
            at = node
        return at.get(names[-1])

    def _make(self, names: list[str]) -> dict[str, Any]:
        at = self._root
        for name in names:
            at = at.setdefault(name, {})
        return at


class Leaf:
    """A value that was set."""

    def __init__(self, value: Any) -> None:
        self.value = value


MISSING: Any = object()


def _value(node: Any) -> Any:
    if isinstance(node, Leaf):
        return copy.deepcopy(node.value)
    return {name: _value(node[name]) for name in sorted(node, key=lambda name: name.encode())}


def _mismatch(why: str) -> Failure:
    return Failure("memory/type-mismatch", why)


def _shown(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _names(path: str) -> list[str]:
    """The names of a path: split at dots, `\\.` and `\\\\` being a dot and a backslash in a name."""
    if not path:
        return []
    names = [""]
    characters = iter(path)
    for character in characters:
        if character == ".":
            names.append("")
        elif character == "\\":
            escaped = next(characters, "")
            if escaped not in (".", "\\") or not escaped:
                why = f"path {_shown(path)} has a backslash before neither a dot nor a backslash"
                raise Failure("memory/invalid-path", why)
            names[-1] += escaped
        else:
            names[-1] += character
    if "" in names:
        why = f"path {_shown(path)} has an empty name; write `\\.` for a dot in a name"
        raise Failure("memory/invalid-path", why)
    return names
