"""The conformance guest in Python; `tests/conformance/README.md` says what each action does."""

from dataclasses import dataclass

import ends
import steps
from weir import RawJson, action


@dataclass
class Script:
    steps: list


@dataclass
class Crash:
    how: str


@action("input", "echo")
def echo(payload, ctx):
    ctx.output(payload)


@action("raw")
def raw(payload: RawJson, ctx):
    ctx.output(payload)


@action("script", "next")
def script(script: Script, ctx):
    seen = []
    steps.run_all(script.steps, ctx, seen)
    ctx.output(seen)


@action("crash")
def crash(crash: Crash, ctx):
    ends.ENDS[crash.how](ctx)
