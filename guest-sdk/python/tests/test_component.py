"""The component's side of the SDK, over stand-ins for what componentize-py makes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_START = """
import json, sys
sys.path[:0] = [{root!r}, {src!r}, {folder!r}]
from tests import stub
host = stub.install()
from weir import _component
_component.load("app")
actions = _component.Actions()
types = sys.modules["wit_world.imports.types"]
calls = sys.modules["wit_world.imports.durable_call"]
def invoke(name, payload=None):
    try:
        actions.invoke(name, types.Event("e", "input", json.dumps(payload)))
    except stub.Err as error:
        return error.value
def outputs():
    return [json.loads(told[1]) for told in host.told if told[0] == "output"]
"""


def run(app: str, program: str) -> subprocess.CompletedProcess[str]:
    """Loads the module `app` as a component, and runs the program on it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(textwrap.dedent(app))
        start = _START.format(root=str(_HERE.parent), src=str(_HERE.parent / "src"), folder=folder)
        command = [sys.executable, "-c", start + textwrap.dedent(program)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


class ComponentTest(unittest.TestCase):
    def check(self, app: str, program: str) -> str:
        ended = run(app, program)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def test_answers_the_hosts_two_questions(self) -> None:
        self.check(
            """
            from weir import action
            @action("input", name="say-hello")
            def hello(name, ctx):
                ctx.memory["a.b"] = name
                ctx.output([ctx.key, ctx.memory["a.b"]])
            """,
            """
            assert json.loads(actions.describe())["actions"] == [{"name": "say-hello", "listens_to": ["input"]}]
            assert invoke("say-hello", "é") is None
            assert outputs() == [["k", "é"]], host.told
            assert invoke("hello").kind == "unknown-action"
            """,
        )

    def test_module_without_actions_is_refused(self) -> None:
        self.assertIn("no action is declared in app", run("x = 1", "").stderr)

    def test_failures_leave_as_the_contract_has_them(self) -> None:
        self.check(
            """
            from weir import Failure, action
            @action("input")
            def busy(payload, ctx):
                raise Failure("busy", "later", retry_after=1.5, details=[1])
            @action("input")
            def path(payload, ctx):
                ctx.memory["a..b"]
            @action("input")
            def bug(payload, ctx):
                {}["k"]
            """,
            """
            busy, path, bug = invoke("busy"), invoke("path"), invoke("bug")
            assert vars(busy) == dict(retryable=True, retry_after_ms=1500, kind="busy", message="later", details="[1]")
            assert (path.kind, path.message) == ("memory/invalid-path", "path a..b")
            assert bug.kind == "error", bug
            assert bug.message.startswith("KeyError: 'k' (") and "app.py:11 in bug" in bug.message, bug
            assert [level for level, text in host.told] == ["ERROR"] and "KeyError: 'k'" in host.told[0][1]
            """,
        )

    def test_calls_are_executed_and_replayed(self) -> None:
        self.check(
            """
            from weir import Failure, action
            @action("input")
            def calls(payload, ctx):
                try:
                    ctx.output(ctx.durable("f", None, lambda call: [call.id]))
                except Failure as failure:
                    ctx.output([failure.kind, failure.details])
            """,
            """
            host.begun = calls.Begun(0, "id-1", calls.NextStep_Execute())
            invoke("calls")
            assert host.told[0] == ("complete", 0, '["id-1"]'), host.told
            host.begun = calls.Begun(0, "id-1", calls.NextStep_Replay(stub.Ok("7")))
            invoke("calls")
            failed = types.Failure(False, None, "gone", "", "[1]")
            host.begun = calls.Begun(0, "id-1", calls.NextStep_Replay(stub.Err(failed)))
            invoke("calls")
            assert outputs() == [["id-1"], 7, ["gone", [1]]], host.told
            """,
        )

    def test_misuse_that_the_action_must_not_catch_is_a_trap_with_its_place(self) -> None:
        ended = run(
            """
            from weir import action
            @action("input")
            def nests(payload, ctx):
                def outer(call):
                    try:
                        ctx.durable("inner", None, lambda call: 1)
                    except:
                        pass
                ctx.durable("outer", None, outer)
            """,
            """
            host.begun = calls.Begun(0, "id", calls.NextStep_Execute())
            invoke("nests")
            print("went on")
            """,
        )
        self.assertLess(ended.returncode, 0)
        self.assertEqual(ended.stdout, "")
        self.assertRegex(ended.stderr, r"`inner` in the body of another.*app\.py:7 in outer")

    def test_random_numbers_are_the_hosts_wherever_they_are_drawn(self) -> None:
        self.check(
            """
            import random
            from random import Random, randint
            from weir import action
            early, fixed = Random(), Random(7)
            @action("input")
            def draw(payload, ctx):
                ctx.output([random.random(), randint(1, 2**40), early.random(), Random().random(), ctx.random.random(),
                            random.gauss(0, 1), random.sample(range(99), 3)])
            @action("input")
            def seeds(payload, ctx):
                random.seed(7)
                ctx.output([random.random(), fixed.random()])
            """,
            """
            host.drawn = 0; invoke("draw")
            host.drawn = 0; invoke("draw")
            first, again = outputs()
            assert first == again, (first, again)
            invoke("draw")
            assert not set(map(str, outputs()[2])) & set(map(str, first))
            invoke("seeds")
            import random as own
            expected = stub.sys.modules["_random"].Random(7).random()
            assert outputs()[3] == [expected, expected]
            host.drawn = 0; invoke("draw")
            assert outputs()[4][0] == first[0], "seeded by another invocation"
            """,
        )

    def test_module_that_seeds_at_its_top_draws_the_same_in_each_invocation(self) -> None:
        self.check(
            """
            import random
            from weir import action
            random.seed(7)
            @action("input")
            def draw(payload, ctx):
                ctx.output([random.random(), random.gauss(0, 1)])
            """,
            """
            invoke("draw"); invoke("draw")
            assert outputs()[0] == outputs()[1]
            """,
        )

    def test_what_is_not_there_says_what_to_use(self) -> None:
        self.check(
            """
            import asyncio, socket, threading, time, urllib.request
            from concurrent.futures import ThreadPoolExecutor
            from time import sleep
            from weir import action
            async def nothing(): ...
            def late(): import not_built_in
            TRIES = {
                "ctx.send_all": [lambda: threading.Thread(target=print).start(),
                                 lambda: ThreadPoolExecutor().submit(print),
                                 lambda: asyncio.run(nothing())],
                "use ctx.get": [lambda: socket.create_connection(("localhost", 80)), lambda: socket.socket(),
                                lambda: urllib.request.urlopen("http://localhost:1/")],
                "retry_after=": [lambda: time.sleep(0), lambda: sleep(0)],
                "at the top of your file": [late],
            }
            @action("input")
            def tries(payload, ctx):
                for wanted, functions in TRIES.items():
                    for at, function in enumerate(functions):
                        try:
                            function()
                        except Exception as error:
                            if wanted in str(error):
                                continue
                            raise
                        raise AssertionError(f"{wanted} {at} was let through")
                ctx.durable("s", None, lambda call: time.sleep(0))
                ctx.output("all refused")
            """,
            """
            host.begun = calls.Begun(0, "id", calls.NextStep_Execute())
            assert invoke("tries") is None, host.told
            assert outputs() == ["all refused"]
            """,
        )


if __name__ == "__main__":
    unittest.main()
