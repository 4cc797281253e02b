"""The payload as an action's first parameter wants it."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from . import _errors, _json
from ._failure import Failure
from ._json import RawJson

Reader = Callable[[str], Any]


def reader_of(function: Callable[..., object]) -> Reader:
    """How the payload's text is read: as plain values; as a data class, or as `RawJson`, if the parameter is annotated
    so. The reader raises a `ValueError` for what it can't take, and lets through what a data class raises."""
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
    """The value as it is wanted; a `ValueError` if it does not fit, or what the type itself raises."""
    if not _has_data_class(wanted):
        _refuse_other(wanted, value, at)
        return value
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in _UNIONS:
        return _build_one_of(arguments, value, at)
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
            given[field.name] = _build(hints[field.name], value[field.name], f"{at}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{at} has no field `{field.name}`, which {wanted.__name__} needs")
    return wanted(**given)


def _build_one_of(choices: tuple[Any, ...], value: Any, at: str) -> Any:
    """The value as the first of the choices that it fits; those with a data class come first, for a plain `dict` or
    `list` would take what is meant for them."""
    if value is None and type(None) in choices:
        return None
    choices = tuple(sorted(choices, key=lambda choice: not _has_data_class(choice)))
    errors: list[Exception] = []
    for choice in choices:
        try:
            return _build(choice, value, at)
        except Failure:
            # Said by the type itself, and so meant.
            raise
        except Exception as error:
            errors.append(error)
    if all(choice is type(None) for choice in choices[1:]):
        raise errors[0]
    whys = "; ".join(str(error) if isinstance(error, ValueError) else _errors.summary(error) for error in errors)
    raise ValueError(f"{at} fits none of {', '.join(map(_shown, choices))}: {whys}")


_UNIONS = (Union, types.UnionType)
_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    list: (list,),
    dict: (dict,),
    type(None): (type(None),),
}


def _refuse_other(wanted: Any, value: Any, at: str) -> None:
    """Refuses a value of another plain type, or none of the literals, that are wanted."""
    choices = get_args(wanted) if get_origin(wanted) in _UNIONS else (wanted,)
    if not any(_may_fit(each, value) for each in choices):
        raise ValueError(f"{at} is {_name(value)}, not {_shown(wanted)}")


def _may_fit(wanted: Any, value: Any) -> bool:
    """Whether it fits, or nothing is known of what is wanted."""
    if get_origin(wanted) is Literal:
        return any(value == each and type(value) is type(each) for each in get_args(wanted))
    plain = _PLAIN.get(get_origin(wanted) or wanted)
    if plain is None:
        return True
    if isinstance(value, bool) and wanted is not bool:
        return False
    return isinstance(value, plain)


def _shown(wanted: Any) -> str:
    if wanted is type(None):
        return "null"
    if isinstance(wanted, type) and get_origin(wanted) is None:
        return wanted.__name__
    return str(wanted).removeprefix("typing.")


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a bool", int: "an int", float: "a float"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
