"""The conformance guest in Python; `tests/conformance/README.md` says what each action does."""

import ends
import steps
from weir import RawJson, action


@action("input", "echo")
def echo(payload, ctx):
    ctx.output(payload)


@action("raw")
def raw(payload: RawJson, ctx):
    ctx.output(payload)


@action("script", "next")
def script(payload, ctx):
    seen = []
    steps.run_all(payload["steps"], ctx, seen)
    ctx.output(seen)


@action("crash")
def crash(payload, ctx):
    ends.ENDS[payload["how"]](ctx)
