"""Runs a module with actions as a component would, over stand-ins for the modules that componentize-py makes: a process
of its own, for it changes Python's modules. Takes a program on standard input, prints what the host was told."""

from __future__ import annotations

import enum
import sys
from dataclasses import make_dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Ok(Generic[V]):
    def __init__(self, value: V) -> None:
        self.value = value


class Err(Exception, Generic[V]):
    def __init__(self, value: V) -> None:
        self.value = value


class Host:
    """What the stand-ins answer; a test changes it."""

    def __init__(self) -> None:
        self.drawn = 0
        self.told: list[Any] = []
        self.begun: Any = None
        self.memory: dict[str, str] = {}

    def random_u32(self) -> int:
        self.drawn += 1
        return self.drawn * 0x9E3779B1 & 0xFFFFFFFF


HOST = Host()
FAILURE_FIELDS = ["retryable", "retry_after_ms", "kind", "message", "details"]


def _case(name: str, *fields: str) -> type:
    return make_dataclass(name, fields)


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


def install() -> Host:
    """Puts the stand-ins where `weir._component` imports them."""
    _module("componentize_py_types", Ok=Ok, Err=Err)
    failure = _case("Failure", *FAILURE_FIELDS)
    invalid = _case("MemoryError_InvalidPath", "value")

    def get(scope: Any, path: str) -> str | None:
        if ".." in path:
            raise Err(invalid(f"path {path}"))
        return HOST.memory.get(path)

    def complete(position: int, outcome: Any) -> Any:
        HOST.told.append(("complete", position, outcome.value))

    def emit(kind: str, payload: str) -> str:
        HOST.told.append((kind, payload))
        return "id"

    imports: dict[str, dict[str, Any]] = {
        "config": {"get": lambda name: None},
        "durable_call": {
            "NextStep_Replay": _case("NextStep_Replay", "value"),
            "NextStep_Reconcile": _case("NextStep_Reconcile"),
            "NextStep_Execute": _case("NextStep_Execute"),
            "Begun": _case("Begun", "position", "id", "step"),
            "begin": lambda function_id, arguments: HOST.begun,
            "begin_reconcilable": lambda function_id, arguments: HOST.begun,
            "complete": complete,
        },
        "events": {"emit": emit},
        "http": {
            name: _case(name, *fields)
            for name, fields in {
                "Body_None_": (),
                "Body_Text": ("value",),
                "Body_Bytes": ("value",),
                "Request": ("method", "url", "headers", "body", "timeout_ms"),
                "Response": ("status", "headers", "body"),
                "HttpError_Timeout": (),
                "HttpError_Denied": ("value",),
            }.items()
        },
        "invocation": {"key": lambda: "k", "random_u32": HOST.random_u32, "now_ms": lambda: 5},
        "log": {
            "Level": enum.Enum("Level", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]),
            "write": lambda level, message: HOST.told.append((level.name, message)),
        },
        "memory": {
            "Scope": enum.Enum("Scope", ["SENSORY", "SHORT_TERM"]),
            "get": get,
            "set": lambda scope, path, value: HOST.memory.__setitem__(path, value),
        },
        "types": {"Failure": failure, "Event": _case("Event", "id", "kind", "payload")},
    }
    package = _module("wit_world.imports")
    _module("wit_world", imports=package)
    for name, members in imports.items():
        setattr(package, name, _module(f"wit_world.imports.{name}", **members))
    return HOST
