"""What the decorator takes, and what it refuses."""

from __future__ import annotations

import json
import unittest
from dataclasses import dataclass, field
from typing import Any, Literal, Optional, Union

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


@dataclass
class Paid:
    order: int
    amount: float
    kind: Literal["paid"] = "paid"


@dataclass
class Sent:
    order: int
    kind: Literal["sent"] = "sent"
    parcel: Paid | str | None = None


@dataclass
class Checked:
    """A type with checks of its own."""

    rate: int

    def __post_init__(self) -> None:
        if self.rate == 1:
            raise Failure("closed", "come back", retryable=True)
        if self.rate == 2:
            raise SystemExit(2)
        if self.rate == 3:
            raise KeyboardInterrupt
        if self.rate == 4:
            raise ValueError("four is no rate")
        self.share = 100 // self.rate


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

    def test_exception_whose_text_can_not_be_had_is_a_failure_too(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise TypeError("no text")

        def fail(call: Any = None) -> Any:
            raise Mute

        @action("input")
        def direct(payload: Any, ctx: Context) -> None:
            fail()

        @action("input")
        def in_body(payload: Any, ctx: Context) -> None:
            ctx.durable("d", None, fail)

        for function in (direct, in_body):
            failure = TestKey().fails(function)
            self.assertEqual((failure.kind, failure.retryable), ("error", False))
            self.assertRegex(failure.message, r"Mute: <exception str\(\) failed> \(\S*test_action\.py:\d+ in fail\)$")

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
            ({"place": "x", "magnitude": 1, "near": 3}, "it.near is an int, not a list"),
            ({"place": "x", "magnitude": 1, "near": [3]}, r"it.near\[0\] is an int, not an object for Place"),
            ([], "it is a list, not an object for Quake"),
        ):
            with self.subTest(why):
                failure = key.fails(counts, payload)
                self.assertEqual(failure.kind, "payload")
                self.assertRegex(failure.message, why)

    def test_payload_is_the_first_data_class_of_a_union_that_it_fits(self) -> None:
        paid, sent = {"order": 1, "amount": 2.5}, {"order": 1, "kind": "sent"}
        takes: list[tuple[Any, list[tuple[Any, Any]]]] = [
            (Optional[Paid], [(None, None), (paid, Paid(1, 2.5))]),
            (Union[None, Paid], [(None, None), (paid, Paid(1, 2.5))]),
            (Paid | Sent, [(paid, Paid(1, 2.5)), (sent, Sent(1)), ({**sent, "amount": 1}, Sent(1))]),
            (Sent | Paid, [(paid, Sent(1)), ({**paid, "kind": "paid"}, Paid(1, 2.5))]),
            (str | Paid, [("none", "none"), (paid, Paid(1, 2.5))]),
            (dict[str, Any] | Paid, [(paid, Paid(1, 2.5)), ({"else": 1}, {"else": 1})]),
            (list[int] | list[Paid] | Paid, [([1], [1]), ([paid], [Paid(1, 2.5)]), (paid, Paid(1, 2.5)), ([], [])]),
            (list[Paid | Sent | None], [([sent, None, paid], [Sent(1), None, Paid(1, 2.5)])]),
            (dict[str, Paid | int], [({"a": paid, "b": 3}, {"a": Paid(1, 2.5), "b": 3})]),
            (
                Sent,
                [
                    ({"order": 1, "parcel": each}, Sent(1, parcel=made))
                    for each, made in ((paid, Paid(1, 2.5)), ("x", "x"))
                ],
            ),
        ]
        for wanted, payloads in takes:

            def takes_it(payload: Any, ctx: Context) -> None:
                ctx.memory["seen"] = repr(payload)

            takes_it.__annotations__["payload"] = wanted
            declared = action("input")(takes_it)
            for payload, made in payloads:
                with self.subTest(f"{wanted} {payload}"):
                    key = TestKey()
                    key.run(declared, payload)
                    self.assertEqual(key.memory["seen"], repr(made))

    def test_payload_that_fits_nothing_of_a_union_says_why(self) -> None:
        refuses: list[tuple[Any, Any, str]] = [
            (Optional[Paid], {"order": 1}, "it has no field `amount`, which Paid needs"),
            (Optional[Paid], 3, "it is an int, not an object for Paid"),
            (
                Paid | Sent,
                {"amount": 1},
                "it fits none of Paid, Sent: it has no field `order`, which Paid needs; "
                "it has no field `order`, which Sent needs",
            ),
            (
                Paid | str,
                True,
                "it fits none of Paid, str: it is a bool, not an object for Paid; it is a bool, not str",
            ),
            (
                Paid | str | None,
                1,
                "it is an int, not an object for Paid; it is an int, not str; it is an int, not null",
            ),
            (list[Paid | Sent], [{"order": 1, "kind": "x"}], "it[0].kind is a string, not Literal['sent']"),
            (dict[str, list[Paid] | int], {"a": [1]}, "it.a[0] is an int, not an object for Paid"),
            (Checked | Paid, {"rate": 0}, "ZeroDivisionError"),
        ]
        for wanted, payload, why in refuses:

            def takes_it(payload: Any, ctx: Context) -> None: ...

            takes_it.__annotations__["payload"] = wanted
            with self.subTest(f"{wanted} {payload}"):
                failure = TestKey().fails(action("input")(takes_it), payload)
                self.assertEqual(failure.kind, "payload")
                self.assertIn(why, failure.message)

    def test_exception_of_the_payloads_type_is_a_failure_of_kind_payload(self) -> None:
        @action("input")
        def takes(payload: Checked, ctx: Context) -> None:
            ctx.output(payload.share)

        key = TestKey()
        self.assertEqual(key.run(takes, {"rate": 50}).outputs, [2])
        for rate, why in ((0, r"ZeroDivisionError: .*\(.*test_action.py:\d+ in __post_init__\)"), (2, "SystemExit: 2")):
            failure = key.fails(takes, {"rate": rate})
            self.assertEqual((failure.kind, failure.retryable), ("payload", False))
            self.assertRegex(failure.message, "the payload of this `input` event can't be read: " + why)
        self.assertRegex(key.fails(takes, {"rate": 4}).message, "can't be read: four is no rate$")
        closed = key.fails(takes, {"rate": 1})
        self.assertEqual((closed.kind, closed.retryable), ("closed", True), "what the type itself says")
        with self.assertRaises(KeyboardInterrupt):
            key.run(takes, {"rate": 3})
        deep = _host.Event("e", "input", "[" * 100_000)
        with self.assertRaisesRegex(Failure, "payload: .*RecursionError"):
            _action.invoke(_action.definition_of(takes), deep)

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
