"""Requests and responses."""

from __future__ import annotations

import logging
import unittest
from collections.abc import Callable
from typing import Any

from weir import Context, Failure, Response, action
from weir.testing import Completed, TestKey, TestResponse

Body = Callable[[Context], Any]


def run(body: Body, *answers: TestResponse) -> tuple[TestKey, Completed]:
    """Runs an action of this body; its result is its output."""

    @action("input")
    def acts(payload: Any, ctx: Context) -> None:
        ctx.output(body(ctx))

    key = TestKey()
    left = list(answers)
    key.on_request(lambda _: left.pop(0) if left else TestResponse(json="last"))
    return key, key.run(acts)


class RequestTest(unittest.TestCase):
    def test_request_says_what_requests_would(self) -> None:
        def body(ctx: Context) -> Any:
            ctx.get("https://a.example/x?y=1#z", params={"q": "a b", "n": [1, 2], "none": None})
            ctx.post("https://a.example/", json={"é": 1}, headers={"X-Shop": "12"}, timeout=0.5)
            ctx.put("https://a.example/", json=1, headers={"Content-type": "application/x"})
            ctx.put("https://a.example/", data={"a": "b c"})
            ctx.patch("https://a.example/", data=b"\xff\x00")
            ctx.delete("https://a.example/", data="text", headers={"content-type": "text/plain"})
            ctx.request("head", "https://a.example/").send()

        key, _ = run(body)
        get, post, typed, put, patch, delete, head = key.requests
        self.assertEqual(get.url, "https://a.example/x?y=1&q=a+b&n=1&n=2#z")
        self.assertEqual((post.json(), post.headers["content-type"]), ({"é": 1}, "application/json"))
        self.assertEqual((post.headers["x-shop"], post.timeout), ("12", 0.5))
        self.assertEqual(typed.headers.get_all("content-type"), ["application/x"])
        self.assertEqual((put.text, put.headers["Content-Type"]), ("a=b+c", "application/x-www-form-urlencoded"))
        self.assertEqual(patch.content, b"\xff\x00")
        self.assertEqual(delete.headers.get_all("Content-Type"), ["text/plain"])
        self.assertEqual([r.method for r in key.requests], ["GET", "POST", "PUT", "PUT", "PATCH", "DELETE", "HEAD"])

    def test_response_is_read_as_requests_would(self) -> None:
        answer = TestResponse(status=201, text='{"a": 1}', headers={"X-One": "1", "x-one": "2"})

        def body(ctx: Context) -> Any:
            response = ctx.get("https://a.example/")
            self.assertEqual((response.status_code, response.ok, response.text), (201, True, '{"a": 1}'))
            self.assertEqual((response.content, response.json()), (b'{"a": 1}', {"a": 1}))
            self.assertEqual(response.headers["X-ONE"], "1, 2")
            self.assertIs(response.raise_for_status(), response)

        run(body, answer)

    def test_status_from_400_on_is_a_failure(self) -> None:
        for status, retryable in ((400, False), (404, False), (408, True), (425, True), (429, True), (500, True)):
            with self.subTest(status), self.assertRaises(Failure) as caught:
                headers = {"Retry-After": "3"}
                run(
                    lambda ctx: ctx.get("https://a.example/"),
                    TestResponse(status=status, text="w" * 2000, headers=headers),
                )
            failure = caught.exception
            self.assertEqual((failure.kind, failure.retryable), ("http/status", retryable))
            self.assertEqual(failure.retry_after, 3 if retryable else None)
            self.assertEqual(failure.details, {"status": status, "text": "w" * 1000})

    def test_any_status_is_given_where_it_is_asked_for(self) -> None:
        def body(ctx: Context) -> Any:
            gone = ctx.get("https://a.example/", raise_for_status=False)
            self.assertFalse(gone.ok)
            with self.assertRaises(Failure):
                gone.raise_for_status()
            return gone.status_code

        self.assertEqual(run(body, TestResponse(status=404))[1].outputs, [404])

    def test_no_response_is_a_failure_of_its_kind(self) -> None:
        for answer, kind, retryable in (
            (TestResponse.timeout(), "http/timeout", True),
            (TestResponse.connection_failed(), "http/connection", True),
            (TestResponse.denied(), "http/denied", False),
        ):
            with self.subTest(kind), self.assertRaises(Failure) as caught:
                run(lambda ctx: ctx.get("https://a.example/"), answer)
            self.assertEqual((caught.exception.kind, caught.exception.retryable), (kind, retryable))
            self.assertIn("https://a.example/", caught.exception.message)

    def test_body_that_is_not_as_wanted_is_a_failure(self) -> None:
        def as_json(response: Response) -> Any:
            return response.json()

        def as_text(response: Response) -> Any:
            return response.text

        for answer, read in ((TestResponse(text="<html>"), as_json), (TestResponse(content=b"\xff"), as_text)):
            with self.assertRaises(Failure) as caught:
                run(lambda ctx: read(ctx.get("https://a.example/")), answer)
            self.assertEqual((caught.exception.kind, caught.exception.retryable), ("http/body", False))

    def test_requests_at_once_are_answered_in_order(self) -> None:
        def body(ctx: Context) -> Any:
            wanted = [ctx.request("GET", f"https://a.example/{n}") for n in range(3)]
            each = ctx.send_each(wanted)
            self.assertIsInstance(each[1], Failure)
            a, b = ctx.send_all(ctx.request("GET", "https://b.example/"), ctx.request("GET", "https://b.example/"))
            return [a.json(), b.json()]

        key, done = run(body, TestResponse(json=0), TestResponse(status=500), TestResponse(json=2))
        self.assertEqual(done.outputs, [["last", "last"]])
        self.assertEqual([call.function_id for call in key.calls][0], "GET https://a.example/0")
        self.assertEqual(run(lambda ctx: ctx.send_all([]))[1].outputs, [[]])

    def test_mistakes_are_told_before_anything_is_sent(self) -> None:
        for body, error, why in (
            (lambda ctx: ctx.post("https://a.example/", json={1}), Failure, "type set"),
            (lambda ctx: ctx.get("https://a.example/\ud800"), Failure, "surrogate"),
            (lambda ctx: ctx.post("https://a.example/", json=1, data="x"), Failure, "not both"),
            (lambda ctx: ctx.get("https://a.example/", timeout=0), Failure, "timeout"),
            (lambda ctx: ctx.request("GET", "https://a.example/").json(), Failure, r"send\(\)\.json"),
            (lambda ctx: ctx.send_all(ctx.get("https://a.example/")), Failure, "not iterable|make each by"),
        ):
            with self.subTest(why), self.assertRaisesRegex(error, why):
                run(body)


class LogTest(unittest.TestCase):
    def test_logging_leads_to_the_host(self) -> None:
        def body(ctx: Context) -> Any:
            logging.info("%s quakes", 3)
            logging.getLogger("shop").debug("x")
            logging.log(5, "fine")
            try:
                raise KeyError("k")
            except KeyError:
                logging.exception("it failed")

        key, _ = run(body)
        self.assertEqual(key.logs[:3], [("info", "3 quakes"), ("debug", "shop: x"), ("trace", "fine")])
        self.assertRegex(key.logs[3][1], r"it failed\nTraceback[^\n]*\n  \S*test_http\.py:\d+ in body\nKeyError: 'k'")


class WitTest(unittest.TestCase):
    def test_copy_of_the_contract_equals_the_projects_byte_by_byte(self) -> None:
        from pathlib import Path

        here = Path(__file__).parents[1]
        original, copy = here.parents[1] / "wit", here / "src/weir/wit"
        files = {path.name: path.read_bytes() for path in original.glob("*.wit")}
        self.assertTrue(files)
        copied = {path.name: path.read_bytes() for path in copy.glob("*")}
        self.assertEqual(copied, files, "copy the .wit files of wit/ to guest-sdk/python/src/weir/wit/")


if __name__ == "__main__":
    unittest.main()
