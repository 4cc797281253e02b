"""The payload as an action's first parameter wants it."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin, get_type_hints

from . import _json
from ._json import RawJson

Reader = Callable[[str], Any]


def reader_of(function: Callable[..., object]) -> Reader:
    """How the payload's text is read: as plain values; as a data class, or as `RawJson`, if the parameter is annotated
    so. The reader raises a `ValueError` for what it can't take."""
    wanted = _annotation(function)
    if wanted is RawJson:
        return RawJson
    if _has_data_class(wanted):
        return lambda text: _build(wanted, _json.loads(text), "it")
    return _json.loads


def _annotation(function: Callable[..., object]) -> Any:
    try:
        first = next(iter(inspect.signature(function).parameters))
        return get_type_hints(function).get(first, Any)
    except Exception:
        # Names that only a type checker can find: the payload is taken as plain values.
        return Any


def _has_data_class(wanted: Any) -> bool:
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return True
    return any(_has_data_class(each) for each in get_args(wanted))


def _build(wanted: Any, value: Any, at: str) -> Any:
    if not _has_data_class(wanted):
        return value
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _build(next(each for each in arguments if _has_data_class(each)), value, at)
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(f"{at} is {_name(value)}, not a list")
        return [_build(arguments[0], item, f"{at}[{index}]") for index, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{at} is {_name(value)}, not an object")
        return {name: _build(arguments[1], item, f"{at}.{name}") for name, item in value.items()}
    if not (isinstance(wanted, type) and dataclasses.is_dataclass(wanted)):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"{at} is {_name(value)}, not an object for {wanted.__name__}")
    hints = get_type_hints(wanted)
    given = {}
    for field in dataclasses.fields(wanted):
        if not field.init:
            continue
        if field.name in value:
            inner = value[field.name]
            _refuse_other(hints[field.name], inner, f"{at}.{field.name}")
            given[field.name] = _build(hints[field.name], inner, f"{at}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{at} has no field `{field.name}`, which {wanted.__name__} needs")
    return wanted(**given)


_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    list: (list,),
    dict: (dict,),
}


def _refuse_other(wanted: Any, value: Any, at: str) -> None:
    """Refuses a value of another plain type than the field says."""
    choices = get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)
    choices = tuple(get_origin(each) or each for each in choices)
    if any(each not in _PLAIN and each is not type(None) for each in choices):
        return
    if not any(_fits(each, value) for each in choices):
        raise ValueError(f"{at} is {_name(value)}, not {getattr(wanted, '__name__', wanted)}")


def _fits(wanted: Any, value: Any) -> bool:
    if wanted is type(None):
        return value is None
    if isinstance(value, bool) and wanted is not bool:
        return False
    return isinstance(value, _PLAIN[wanted])


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a bool", int: "an int", float: "a float"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
