"""What the decorator takes, and what it refuses."""

from __future__ import annotations

import json
import unittest
from dataclasses import dataclass, field
from typing import Any

from weir import Context, Failure, RawJson, _action, _host, action
from weir.testing import TestKey


@dataclass
class Place:
    name: str


@dataclass
class Quake:
    place: str
    magnitude: float | None
    near: list[Place] = field(default_factory=list)
    epicentre: Place | None = None


class ActionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.declared = _action._declared[:]
        _action._declared.clear()

    def tearDown(self) -> None:
        _action._declared[:] = self.declared

    def test_describe_lists_actions_in_declared_order_with_their_kinds(self) -> None:
        @action("input", "again", name="say-hello")
        def hello(name: Any, ctx: Context) -> None: ...

        @action("late")
        def bye(name: Any, ctx: Context) -> None: ...

        described = json.loads(_action.describe(_action.declared()))
        self.assertEqual(described["sdk"], "python 0.1.0")
        self.assertEqual(
            described["actions"],
            [{"name": "say-hello", "listens_to": ["input", "again"]}, {"name": "bye", "listens_to": ["late"]}],
        )

    def test_two_actions_of_one_name_are_refused_with_both_places(self) -> None:
        for _ in range(2):

            @action("input")
            def hello(name: Any, ctx: Context) -> None: ...

        with self.assertRaisesRegex(
            ValueError, r"two actions are named `hello`, at \S*test_action\.py:\d+ and \S+:\d+"
        ):
            _action.declared()

    def test_what_can_not_run_is_refused_by_name(self) -> None:
        async def later(payload: Any, ctx: Context) -> None: ...

        def pieces(payload: Any, ctx: Context) -> Any:
            yield payload

        def lonely(payload: Any) -> None: ...

        for function, why in ((later, "async"), (pieces, "yield"), (lonely, "two parameters")):
            with self.assertRaisesRegex(TypeError, rf"test_action\.py:\d+: action `{function.__name__}` .*{why}"):
                action("input")(function)
        with self.assertRaisesRegex(TypeError, r"@action\(\"input\"\)"):
            action(lonely)  # type: ignore[arg-type]

    def test_function_itself_stays_as_it_is(self) -> None:
        def hello(name: Any, ctx: Context) -> None: ...

        self.assertIs(action("input")(hello), hello)

    def test_uncaught_exception_is_a_fatal_failure_that_names_file_and_line(self) -> None:
        def helper(payload: dict[str, Any]) -> Any:
            return payload["missing"]

        @action("input")
        def reads(payload: Any, ctx: Context) -> None:
            helper(payload)

        failure = TestKey().fails(reads, {})
        line = helper.__code__.co_firstlineno + 1
        self.assertEqual((failure.kind, failure.retryable), ("error", False))
        self.assertRegex(failure.message, rf"^KeyError: 'missing' \(\S*test_action\.py:{line} in helper\)$")
        self.assertIsNone(failure.details)
        self.assertIsInstance(failure.__cause__, KeyError)

    def test_place_of_an_exception_in_the_library_is_where_it_was_called(self) -> None:
        @action("input")
        def reads(payload: Any, ctx: Context) -> None:
            json.loads("{")

        self.assertRegex(TestKey().fails(reads).message, r"^JSONDecodeError: .* \(\S*test_action\.py:\d+ in reads\)$")

    def test_exit_of_the_process_is_a_failure(self) -> None:
        @action("input")
        def leaves(payload: Any, ctx: Context) -> None:
            raise SystemExit(3)

        self.assertIn("SystemExit: 3", TestKey().fails(leaves).message)

    def test_interruption_of_a_test_is_none_of_the_actions_failures(self) -> None:
        @action("input")
        def waits(payload: Any, ctx: Context) -> None:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            TestKey().run(waits)

    def test_payload_that_no_value_can_hold_is_a_failure_of_kind_payload(self) -> None:
        @action("input")
        def takes(payload: Any, ctx: Context) -> None: ...

        definition = _action.definition_of(takes)
        with self.assertRaises(Failure) as caught:
            _action.invoke(definition, _host.Event("e", "input", "1e999"))
        self.assertEqual((caught.exception.kind, caught.exception.retryable), ("payload", False))
        self.assertIn("too large", caught.exception.message)

    def test_payload_is_the_data_class_that_the_parameter_says(self) -> None:
        @action("input")
        def counts(quake: Quake, ctx: Context) -> None:
            ctx.output([type(quake).__name__, type(quake.near[0]).__name__ if quake.near else None, quake])

        key = TestKey()
        plain = {"place": "Hualian", "magnitude": None, "near": [{"name": "Taiwan"}], "epicentre": None}
        self.assertEqual(key.run(counts, {**plain, "more": 1}).outputs, [["Quake", "Place", plain]])
        self.assertEqual(key.run(counts, {"place": "x", "magnitude": 4}).outputs[0][2]["near"], [])
        wrong = key.fails(counts, {**plain, "epicentre": 3})
        self.assertRegex(wrong.message, "it.epicentre is an int, not an object for Place")
        for payload, why in (
            ({"place": "x"}, "it has no field `magnitude`, which Quake needs"),
            ({"place": 5, "magnitude": 1}, "it.place is an int, not str"),
            ({"place": "x", "magnitude": True}, "it.magnitude is a bool"),
            ({"place": "x", "magnitude": 1, "near": 3}, "it.near is an int, not list"),
            ({"place": "x", "magnitude": 1, "near": [3]}, r"it.near\[0\] is an int, not an object for Place"),
            ([], "it is a list, not an object for Quake"),
        ):
            with self.subTest(why):
                failure = key.fails(counts, payload)
                self.assertEqual(failure.kind, "payload")
                self.assertRegex(failure.message, why)

    def test_raw_json_passes_as_it_is(self) -> None:
        @action("input")
        def passes(payload: RawJson, ctx: Context) -> None:
            ctx.memory["it"] = payload
            ctx.output(payload.text)

        key = TestKey()
        self.assertEqual(key.run(passes, RawJson('{"b": 1.50, "a":2}')).outputs, ['{"b": 1.50, "a":2}'])
        self.assertEqual(key.memory["it"], {"b": 1.5, "a": 2})

    def test_returned_value_and_unsent_request_are_warned_of(self) -> None:
        @action("input")
        def forgets(payload: Any, ctx: Context) -> Any:
            ctx.request("POST", "https://a.example/")
            return 5

        key = TestKey()
        key.run(forgets)
        self.assertEqual([level for level, _ in key.logs], ["warn", "warn"])
        self.assertIn("use ctx.output", key.logs[0][1])
        self.assertIn("never sent", key.logs[1][1])


if __name__ == "__main__":
    unittest.main()
