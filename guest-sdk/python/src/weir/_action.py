"""Actions: what the decorator makes, and how the host's two questions are answered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from . import _errors, _host, _json, _payload
from ._failure import Failure

if TYPE_CHECKING:
    from ._context import Context

Action = Callable[[Any, "Context"], object]
F = TypeVar("F", bound=Callable[..., object])


@dataclass
class Definition:
    """An action: its name, the event kinds it listens to, its function and where that stands."""

    name: str
    listens_to: tuple[str, ...]
    function: Action
    place: str
    _reader: _payload.Reader | None = None

    def read(self, payload: str) -> Any:
        """The payload as the function wants it. Looked up late: its type may be declared after it."""
        if self._reader is None:
            self.prepare()
        assert self._reader is not None, "it is prepared"
        return self._reader(payload)

    def prepare(self) -> None:
        """Looks up how the function wants its payload."""
        self._reader = _payload.reader_of(self.function)


_declared: list[Definition] = []


def action(*listens_to: str, name: str | None = None) -> Callable[[F], F]:
    """Makes a function an action that listens to events of these kinds.

        @action("input")
        def count(quake, ctx): ...

        @action("swarm", "test-swarm", name="page-seismologist")
        def page(quake, ctx): ...

    It takes the payload, as Python's own values, and a `Context`. A first parameter that is annotated with a data class
    gets one, made of the fields that the class has, and of a union the first that fits. What does not fit, or makes the
    class raise an exception, is a fatal failure of kind `payload`; a `Failure` that the class raises stays what it is.

    Its name, the function's if none is given, stands in the stored states: keep it over releases. Actions that listen
    to the same kind run in the order in which they are declared. The function itself stays as it is.
    """
    if not listens_to or not all(isinstance(kind, str) for kind in listens_to):
        raise TypeError('an action names the event kinds that it listens to: @action("input")')

    def declare(function: F) -> F:
        definition = Definition(name or function.__name__, listens_to, function, _place(function))
        _refuse_what_can_not_run(definition)
        _declared.append(definition)
        function.__weir_action__ = definition  # type: ignore[attr-defined]
        return function

    return declare


def declared() -> list[Definition]:
    """All actions that were declared, in order. A `ValueError` if two have the same name."""
    places: dict[str, str] = {}
    for definition in _declared:
        if definition.name in places:
            raise ValueError(
                f"two actions are named `{definition.name}`, at {places[definition.name]} and {definition.place}: "
                'give one another name, or say it: @action("input", name="…")'
            )
        places[definition.name] = definition.place
    return list(_declared)


def definition_of(function: Callable[..., object]) -> Definition:
    """The definition of a function that is an action."""
    definition = getattr(function, "__weir_action__", None)
    if not isinstance(definition, Definition):
        raise TypeError(f'{getattr(function, "__name__", function)!r} is no action: decorate it with @action("input")')
    return definition


def describe(definitions: Iterable[Definition]) -> str:
    """What the component answers to `describe`."""
    from . import __version__

    actions = [{"name": each.name, "listens_to": list(each.listens_to)} for each in definitions]
    return _json.dumps({"sdk": f"python {__version__}", "actions": actions})


def invoke(definition: Definition, event: _host.Event) -> None:
    """Runs the action for the event. Whatever goes wrong is a `Failure`, but for `Ended`."""
    from ._context import Context

    try:
        payload = definition.read(event.payload)
    except (Failure, KeyboardInterrupt):
        raise
    except BaseException as error:
        # What the payload's own type raises, besides what does not fit it.
        why = error if isinstance(error, ValueError) else _errors.failure_of(error).message
        raise Failure("payload", f"the payload of this `{event.kind}` event can't be read: {why}") from error
    ctx = Context(event)
    try:
        returned = definition.function(payload, ctx)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _host.raise_end()
        if isinstance(error, Failure):
            raise
        raise _errors.failure_of(error) from error
    _host.raise_end()
    ctx._finish(definition.name, returned)


def _place(function: Callable[..., object]) -> str:
    code = getattr(function, "__code__", None)
    return _errors.place(code.co_filename, code.co_firstlineno) if code else "an unknown place"


def _refuse_what_can_not_run(definition: Definition) -> None:
    name, function = definition.name, definition.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{definition.place}: action `{name}` is an async function: write `def`, not `async def`. "
            "Its calls block, and the host lets other keys go on; for requests at once there is ctx.send_all"
        )
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{definition.place}: action `{name}` has a yield, so that it would never run: use ctx.emit")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise TypeError(f"{definition.place}: action `{name}` must take two parameters: (payload, ctx)") from None
