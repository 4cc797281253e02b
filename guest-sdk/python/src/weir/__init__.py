"""Write Weir actions in Python.

An *action* is a function that Weir runs for events of the kinds it listens to: one event of a key after another, and
each with effect exactly once. It reads and changes its key's memory, emits events, and makes durable calls and HTTP
requests; all of that takes effect when it completes, and none of it if it fails.

    from weir import action

    @action("input")
    def count(quake, ctx):
        if ctx.memory.update("count", lambda n: n + 1, 0) > 10:
            ctx.emit("swarm", quake)

    @action("swarm")
    def page(quake, ctx):
        ctx.output(ctx.post("https://pager.example.com/page", json=quake).json())

`Context` is what an action has at hand, `Memory` its memory, `Request` and `Response` HTTP, `Failure` what goes wrong;
`weir.testing` runs actions in unit tests, `python -m weir build app.py` makes the component.
"""

from ._action import action
from ._context import Config, Context
from ._durable import Call, DurableCall
from ._failure import Failure
from ._json import RawJson
from ._memory import Memory, escape
from ._request import Request
from ._response import Headers, Response

__version__ = "0.1.0"

__all__ = [
    "Call",
    "Config",
    "Context",
    "DurableCall",
    "Failure",
    "Headers",
    "Memory",
    "RawJson",
    "Request",
    "Response",
    "action",
    "escape",
]
