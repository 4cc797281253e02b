"""Durable calls, crashes and replays."""

from __future__ import annotations

import unittest
from typing import Any

from tests.actions import charge, count, draw, failing_fee, page, quote
from weir import Call, Context, Failure, action
from weir.testing import TestKey, TestRequest, TestResponse

QUAKE = {"magnitude": 4.7, "place": "Hualian"}


class Bank:
    """The other side of a payment: takes each idempotency key once."""

    def __init__(self) -> None:
        self.charges: dict[str, Any] = {}
        self.is_down = False

    def __call__(self, request: TestRequest) -> TestResponse:
        if self.is_down:
            return TestResponse(status=503)
        if request.method == "POST":
            key = request.headers["Idempotency-Key"]
            self.charges.setdefault(key, {"number": len(self.charges) + 1})
            return TestResponse(json=self.charges[key])
        found = self.charges.get(request.url.partition("id=")[2].replace("%2F", "/"))
        return TestResponse(status=404) if found is None else TestResponse(json=found)


class CallTest(unittest.TestCase):
    def test_failed_attempt_leaves_nothing_and_the_next_gets_through(self) -> None:
        key = TestKey("Taiwan")
        key.on_request(lambda _: TestResponse(status=503))
        self.assertTrue(key.fails(page, QUAKE).retryable)
        self.assertNotIn("pages", key.memory)
        key.on_request(lambda _: TestResponse(json="ticket 7"))
        self.assertEqual(key.again().outputs, ["ticket 7"])
        self.assertEqual(key.again().outputs, ["ticket 7"])
        self.assertEqual(key.memory["pages"], 1)
        first, second = key.requests
        self.assertEqual(first.headers["Idempotency-Key"], second.headers["Idempotency-Key"])
        self.assertTrue(key.calls[0].replayed)

    def test_memory_lasts_over_runs(self) -> None:
        key = TestKey("Taiwan")
        for _ in range(10):
            self.assertEqual(key.run(count, QUAKE).events, [])
        self.assertEqual(key.run(count, QUAKE).payloads("swarm"), [QUAKE])
        self.assertEqual(key.memory["count"], 11)

    def test_cut_off_call_that_happened_is_reconciled(self) -> None:
        key, bank = TestKey("Ann"), Bank()
        key.on_request(bank)
        key.crash_in("charge")
        self.assertEqual(key.fails(charge, {"cents": 500}).kind, "crash")
        self.assertEqual(key.again().outputs, [{"fee": 5, "charge": {"number": 1}}])
        self.assertEqual(len(bank.charges), 1)
        self.assertEqual([request.method for request in key.requests], ["POST", "GET"])

    def test_cut_off_call_that_never_happened_is_run(self) -> None:
        key, bank = TestKey("Ann"), Bank()
        key.on_request(lambda _: TestResponse(json={}))  # It loses what it is told.
        key.crash_in("charge")
        key.fails(charge, {"cents": 500})
        key.on_request(bank)
        self.assertEqual(key.again().outputs, [{"fee": 5, "charge": {"number": 1}}])
        self.assertEqual([request.method for request in key.requests], ["POST", "GET", "POST"])

    def test_reconciler_that_can_not_know_is_asked_again(self) -> None:
        key, bank = TestKey("Ann"), Bank()
        key.on_request(bank)
        key.crash_in("charge")
        key.fails(charge, {"cents": 500})
        bank.is_down = True
        with self.assertRaises(Failure) as caught:
            key.again()
        self.assertTrue(caught.exception.retryable)
        self.assertEqual([call.function_id for call in key.calls], ["fee"], "nobody said what became of it")
        bank.is_down = False
        self.assertEqual(key.again().outputs[0]["charge"], {"number": 1})
        self.assertEqual(len(bank.charges), 1)

    def test_mistake_in_a_reconciler_leaves_open_what_became_of_the_call(self) -> None:
        answers: list[Any] = []

        @action("input")
        def reconciles(payload: Any, ctx: Context) -> None:
            def find(call: Call) -> Any:
                answer = answers.pop()
                if isinstance(answer, Exception):
                    raise answer
                return call.happened(None) if answer == "null" else answer

            ctx.output(ctx.durable("c", None, lambda call: "ran", reconcile=find))

        key = TestKey()
        key.crash_in("c")
        key.fails(reconciles)
        answers[:] = ["null", KeyError("bug")]
        with self.assertRaises(Failure) as caught:
            key.again()
        self.assertEqual((caught.exception.kind, caught.exception.retryable), ("error", False))
        self.assertEqual(key.again().outputs, [None])
        self.assertEqual(answers, [])

    def test_fatal_failure_of_a_reconciler_is_the_outcome(self) -> None:
        @action("input")
        def reconciles(payload: Any, ctx: Context) -> None:
            def find(call: Call) -> Any:
                raise Failure("gone", "closed account")

            ctx.durable("c", None, lambda call: "ran", reconcile=find)

        key = TestKey()
        key.crash_in("c")
        key.fails(reconciles)
        for replayed in (False, True):
            with self.assertRaises(Failure) as caught:
                key.again()
            self.assertEqual(caught.exception.kind, "gone")
            self.assertEqual(key.calls[0].replayed, replayed)

    def test_pending_call_that_lost_its_reconciler_diverges(self) -> None:
        @action("input")
        def with_one(payload: Any, ctx: Context) -> None:
            ctx.durable("c", None, lambda call: 1, reconcile=lambda call: None)

        @action("input")
        def without(payload: Any, ctx: Context) -> None:
            ctx.durable("c", None, lambda call: 1)

        key = TestKey()
        key.crash_in("c")
        key.fails(with_one)
        with self.assertRaises(Failure) as caught:
            key.again(without)
        self.assertEqual(caught.exception.kind, "divergence")

    def test_failed_outcome_is_recorded_and_replayed_whole(self) -> None:
        key = TestKey()
        declined = [["card-declined", "no funds", {"limit": 5}]]
        self.assertEqual(key.run(failing_fee, "declined").outputs, declined)
        self.assertEqual(key.again().outputs, declined)
        self.assertTrue(key.calls[0].replayed)

    def test_exception_in_a_body_is_recorded_with_its_place(self) -> None:
        key = TestKey()
        [[kind, message, _]] = key.run(failing_fee, 0).outputs
        self.assertEqual(kind, "error")
        self.assertRegex(message, r"^ZeroDivisionError: .* \(\S*actions\.py:\d+ in body\)$")
        self.assertEqual([level for level, _ in key.logs], ["error"])
        self.assertIn("in body\nZeroDivisionError", key.logs[0][1])
        self.assertEqual(key.again().outputs[0][:2], [kind, message])
        self.assertEqual(key.logs, [], "a replay runs no body")

    def test_retryable_outcome_is_not_recorded_if_the_attempt_ends_with_it(self) -> None:
        @action("input")
        def busy(payload: Any, ctx: Context) -> None:
            def body(call: Call) -> Any:
                raise Failure("busy", "come back", retry_after=2.5)

            ctx.durable("a", None, body)

        key = TestKey()
        self.assertEqual(key.fails(busy).retry_after, 2.5)
        with self.assertRaises(Failure):
            key.again()
        self.assertFalse(key.calls[0].replayed)

    def test_retryable_outcome_is_recorded_if_the_action_goes_on(self) -> None:
        answers = [Failure("busy", details=(1, 2), retryable=True), Failure("broken", retryable=True)]

        @action("input")
        def goes_on(payload: Any, ctx: Context) -> None:
            def body(call: Call) -> Any:
                if answers:
                    raise answers.pop(0)

            try:
                ctx.durable("a", None, body)
            except Failure as failure:
                ctx.durable("b", [failure.kind, failure.details], body)
                ctx.output(failure.details)

        key = TestKey()
        self.assertEqual(key.fails(goes_on).kind, "broken")
        self.assertEqual(key.again().outputs, [[1, 2]])
        self.assertEqual([(call.function_id, call.replayed) for call in key.calls], [("a", True), ("b", False)])

    def test_failure_is_seen_as_its_replay_gives_it(self) -> None:
        @action("input")
        def fails(payload: Any, ctx: Context) -> None:
            def body(call: Call) -> Any:
                raise Failure("a", details=(1, 2))

            try:
                ctx.durable("a", None, body)
            except Failure as failure:
                ctx.output(type(failure.details).__name__)

        self.assertEqual(TestKey().run(fails).outputs, ["list"])

    def test_repetition_after_a_retryable_failure_has_the_same_id(self) -> None:
        ids: list[str] = []

        @action("input")
        def tries(payload: Any, ctx: Context) -> None:
            def body(call: Call) -> Any:
                ids.append(call.id)
                if len(ids) < 3:
                    raise Failure("busy", retryable=True)

            for _ in range(3):
                try:
                    ctx.durable("a", [1], body)
                except Failure:
                    continue
            ctx.durable("a", [1], body)

        TestKey().run(tries)
        self.assertEqual(len(set(ids[:3])), 1)
        self.assertNotEqual(ids[3], ids[0])

    def test_other_call_than_recorded_diverges(self) -> None:
        @action("input")
        def first(payload: Any, ctx: Context) -> None:
            ctx.durable("a", {"n": 1, "m": 2}, lambda call: 1)
            ctx.durable("b", None, lambda call: 1)

        @action("input")
        def same(payload: Any, ctx: Context) -> None:
            ctx.durable("a", {"m": 2, "n": 1}, lambda call: 1)
            ctx.durable("b", None, lambda call: 1)

        @action("input")
        def other(payload: Any, ctx: Context) -> None:
            ctx.durable("a", {"n": 1.0, "m": 2}, lambda call: 1)

        @action("input")
        def fewer(payload: Any, ctx: Context) -> None:
            ctx.durable("a", {"n": 1, "m": 2}, lambda call: 1)

        key = TestKey()
        key.run(first)
        key.again(same)
        for changed, why in ((other, "call 0 was `a`"), (fewer, "call 1 was `b`")):
            with self.assertRaisesRegex(Failure, why) as caught:
                key.again(changed)
            self.assertEqual(caught.exception.kind, "divergence")

    def test_what_a_replay_would_skip_ends_the_attempt_whatever_is_caught(self) -> None:
        def within(step: Any) -> Any:
            @action("input")
            def misuses(payload: Any, ctx: Context) -> None:
                def body(call: Call) -> Any:
                    try:
                        step(ctx)
                    except:  # noqa: E722
                        return "caught"

                ctx.durable("outer", None, body)

            return misuses

        for step, why in (
            (lambda ctx: ctx.memory.update("n", lambda n: 1), "change of memory"),
            (lambda ctx: ctx.output(1), "emit"),
            (lambda ctx: ctx.durable("inner", None, lambda call: 1), "`inner` in the body of another"),
        ):
            with self.subTest(why):
                key = TestKey()
                failure = key.fails(within(step))
                self.assertEqual(failure.kind, "trap")
                self.assertIn(why, failure.message)
                self.assertEqual(key.run(failing_fee, 1).outputs, [1])

    def test_end_of_an_attempt_stays_its_end_whatever_the_action_makes_of_it(self) -> None:
        def returns() -> None: ...

        def raises() -> None:
            raise Failure("mine", retryable=True)

        for after in (returns, raises):

            @action("input")
            def swallows(payload: Any, ctx: Context) -> None:
                try:
                    ctx.durable("c", None, lambda call: 1)
                except BaseException:
                    after()

            with self.subTest(after.__name__):
                key = TestKey()
                key.crash_in("c")
                self.assertEqual(key.fails(swallows).kind, "crash")

        @action("input")
        def reads(payload: Any, ctx: Context) -> None:
            def read(response: Any) -> Any:
                try:
                    ctx.output(1)
                except BaseException:
                    return 1

            request = ctx.request("GET", "https://a.example/")
            ctx.durable_all(ctx.durable_call("c", request=request, read=read))

        key = TestKey()
        key.on_request(lambda _: TestResponse(json=1))
        self.assertEqual(key.fails(reads).kind, "trap")
        self.assertEqual(key.calls, [], "no outcome is recorded after the end")

    def test_result_is_as_its_replay_gives_it(self) -> None:
        @action("input")
        def pairs(payload: Any, ctx: Context) -> None:
            ctx.output(type(ctx.durable("a", None, lambda call: (1, 2))).__name__)

        self.assertEqual(TestKey().run(pairs).outputs, ["list"])

    def test_result_that_is_no_json_is_the_calls_failure(self) -> None:
        @action("input")
        def sets(payload: Any, ctx: Context) -> None:
            ctx.durable("a", None, lambda call: {1, 2})

        key = TestKey()
        self.assertEqual(key.fails(sets).kind, "json")
        self.assertEqual([call.function_id for call in key.calls], ["a"])

    def test_arguments_that_are_no_json_begin_nothing(self) -> None:
        @action("input")
        def sets(payload: Any, ctx: Context) -> None:
            ctx.durable("a", {1, 2}, lambda call: 1)

        key = TestKey()
        self.assertEqual(key.fails(sets).kind, "json")
        self.assertEqual(key.calls, [])


class ParallelTest(unittest.TestCase):
    def test_calls_at_once_are_recorded_each_by_itself(self) -> None:
        key = TestKey()
        key.on_request(lambda r: TestResponse(json=7 if "a.e" in r.url else 5))
        self.assertEqual(key.run(quote, {"n": 1}).outputs, [[7, 5]])
        self.assertEqual(key.again().outputs, [[7, 5]])
        self.assertEqual(key.logs, [], "a request that a replay does not send is no mistake")
        self.assertEqual(len(key.requests), 2)
        self.assertEqual([call.replayed for call in key.calls], [True, True])
        keys = {request.headers["Idempotency-Key"] for request in key.requests}
        self.assertEqual(len(keys), 2)

    def test_first_failure_is_raised_when_all_are_recorded(self) -> None:
        key = TestKey()
        key.on_request(lambda r: TestResponse(status=400 if "a.e" in r.url else 200, json=5))
        self.assertEqual(key.fails(quote, 1).kind, "http/status")
        self.assertEqual([call.failure is None for call in key.calls], [False, True])

    def test_two_open_calls_with_the_same_arguments_end_the_attempt(self) -> None:
        @action("input")
        def asks(second: int, ctx: Context) -> None:
            request = ctx.request("GET", "https://a.example/")
            calls = [ctx.durable_call("c", {"a": 1, "b": n}, request=request) for n in (1, second)]
            try:
                ctx.durable_all(calls)
            except:  # noqa: E722
                pass

        key = TestKey()
        key.on_request(lambda _: TestResponse(json=1))
        failure = key.fails(asks, 1)
        self.assertEqual(failure.kind, "trap")
        self.assertIn('begin durable call "c": one with the same arguments is open; complete it first', failure.message)
        self.assertEqual(key.requests, [])
        key.run(asks, 2)
        self.assertEqual([call.result for call in key.calls], [1, 1])

    def test_name_that_the_host_does_not_take_ends_the_attempt(self) -> None:
        ran: list[str] = []

        @action("input")
        def calls(name: str, ctx: Context) -> None:
            try:
                ctx.durable(name, None, lambda call: ran.append(call.id))
            except:  # noqa: E722
                pass

        @action("input")
        def asks(name: str, ctx: Context) -> None:
            ctx.durable_all(ctx.durable_call(name, request=ctx.request("GET", "https://a.example/")))

        @action("input")
        def emits(kind: str, ctx: Context) -> None:
            ctx.emit(kind, 1)

        key = TestKey()
        key.on_request(lambda _: TestResponse(json=1))
        for steps, name, message in (
            (calls, "", "begin a durable call: its function id must be 1 to 1024 bytes, not 0"),
            (calls, "n" * 1025, "begin a durable call: its function id must be 1 to 1024 bytes, not 1025"),
            (calls, "é" * 513, "begin a durable call: its function id must be 1 to 1024 bytes, not 1026"),
            (asks, "", "begin a durable call: its function id must be 1 to 1024 bytes, not 0"),
            (emits, "", "emit an event: its kind must be 1 to 128 bytes, not 0"),
            (emits, "k" * 129, "emit an event: its kind must be 1 to 128 bytes, not 129"),
        ):
            failure = key.fails(steps, name)
            self.assertEqual((failure.kind, failure.message), ("trap", message))
            self.assertEqual((key.calls, key.requests, ran), ([], [], []))
        for name in ("n", "n" * 1024):
            key.run(calls, name)
        self.assertEqual(len(ran), 2)
        for kind in ("k", "k" * 128):
            self.assertEqual(key.run(emits, kind).events[0].kind, kind)

    def test_requests_own_idempotency_key_stays(self) -> None:
        @action("input")
        def own(payload: Any, ctx: Context) -> None:
            request = ctx.request("POST", "https://a.example/", json=1, headers={"idempotency-key": "mine"})
            ctx.durable_all(ctx.durable_call("own", request=request))

        key = TestKey()
        key.on_request(lambda _: TestResponse(json=1))
        key.run(own)
        self.assertEqual(key.requests[0].headers.get_all("Idempotency-Key"), ["mine"])

    def test_each_call_with_the_same_request_has_a_key_of_its_own(self) -> None:
        @action("input")
        def repeats(payload: Any, ctx: Context) -> None:
            request = ctx.request("POST", "https://a.example/", json=1)
            ctx.durable_all(ctx.durable_call("a", n, request=request) for n in range(2))
            ctx.durable_all(ctx.durable_call("a", 2, request=request))
            request.send()

        key = TestKey()
        key.on_request(lambda _: TestResponse(json=1))
        key.run(repeats)
        sent = [request.headers.get_all("Idempotency-Key") for request in key.requests]
        self.assertEqual([len(keys) for keys in sent], [1, 1, 1, 1])
        self.assertEqual(len({keys[0] for keys in sent}), 4, sent)

    def test_only_what_was_not_recorded_is_sent_again(self) -> None:
        key = TestKey()
        key.on_request(lambda r: TestResponse(status=503 if "a.e" in r.url else 200, json=5))
        self.assertTrue(key.fails(quote, 1).retryable)
        key.on_request(lambda r: TestResponse(json=6))
        self.assertEqual(key.again().outputs, [[6, 5]])
        self.assertEqual([r.url for r in key.requests].count("https://b.example/"), 1)


class WorldTest(unittest.TestCase):
    def test_replay_draws_the_same_though_it_skips_the_body(self) -> None:
        key = TestKey("a")
        [first] = key.run(draw).outputs
        [again] = key.again().outputs
        self.assertEqual(first, again)

    def test_another_event_and_another_key_draw_other_numbers(self) -> None:
        key = TestKey("a")
        [first], [second], [other] = key.run(draw).outputs, key.run(draw).outputs, TestKey("b").run(draw).outputs
        runs = (first, second, other)
        drawn = [number for before, inside, after in runs for number in (*before[:4], *inside[:2], *after[:3])]
        self.assertEqual(len(set(drawn)), len(drawn))

    def test_clock_is_the_source_timestamp(self) -> None:
        @action("input")
        def tells(payload: Any, ctx: Context) -> None:
            ctx.output([ctx.now_ms, ctx.now().isoformat(), ctx.source_timestamp_ms])

        key = TestKey(at_ms=1_517_363_399_650)
        self.assertEqual(
            key.run(tells).outputs, [[1_517_363_399_650, "2018-01-31T01:49:59.650000+00:00", 1_517_363_399_650]]
        )

    def test_process_has_its_own_time_and_numbers_back_afterwards(self) -> None:
        import random
        import time

        random.seed(1)
        expected = random.random()
        random.seed(1)
        TestKey().run(draw)
        self.assertEqual(random.random(), expected)
        self.assertGreater(time.time(), 1_700_000_001)

    def test_settings_headers_and_place_are_the_tests(self) -> None:
        @action("input", "other")
        def tells(payload: Any, ctx: Context) -> None:
            ctx.output([ctx.key, ctx.sequence_number, ctx.event_kind, ctx.header("tenant"), ctx.config["limit"]])
            ctx.config["missing"]

        key = TestKey("k", config={"limit": "10"}, headers={"tenant": "t"})
        failure = key.fails(tells, kind="other")
        self.assertEqual((failure.kind, failure.retryable), ("config", False))
        self.assertIn("config.missing", failure.message)

    def test_context_is_of_no_use_after_its_action(self) -> None:
        kept: list[Context] = []

        @action("input")
        def keeps(payload: Any, ctx: Context) -> None:
            kept.append(ctx)

        TestKey().run(keeps)
        with self.assertRaisesRegex(RuntimeError, "outside an action"):
            kept[0].now()

    def test_mistake_of_a_responder_is_the_tests_own(self) -> None:
        @action("input")
        def asks(inside: bool, ctx: Context) -> None:
            try:
                if inside:
                    ctx.durable("c", None, lambda call: ctx.get("https://a.example/").json())
                ctx.get("https://a.example/")
            except BaseException:
                ctx.output("went on")

        mistake: BaseException

        def responder(request: TestRequest) -> TestResponse:
            raise mistake

        for mistake in (AssertionError("not equal"), KeyError("header"), KeyboardInterrupt()):
            for inside in (False, True):
                for act in (TestKey.run, TestKey.fails):
                    with self.subTest(f"{mistake!r} {inside} {act.__name__}"):
                        key = TestKey()
                        key.on_request(responder)
                        with self.assertRaises(type(mistake)) as caught:
                            act(key, asks, inside)
                        self.assertIs(caught.exception, mistake)
                        self.assertIsNone(mistake.__context__)
        mistake = Failure("busy", retryable=True)
        key = TestKey()
        key.on_request(responder)
        with self.assertRaisesRegex(AssertionError, "raised.*busy.*TestResponse"):
            key.fails(asks, True)

    def test_request_that_nobody_answers_fails_the_test(self) -> None:
        with self.assertRaisesRegex(AssertionError, "nobody answers"):
            TestKey().fails(page, QUAKE)


if __name__ == "__main__":
    unittest.main()
