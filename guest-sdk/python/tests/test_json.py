"""Values to JSON text and back."""

from __future__ import annotations

import math
import pickle
import unittest
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from weir import Failure, _json
from weir._failure import Failure as SameFailure


@dataclass
class Place:
    name: str
    depth: float


class JsonTest(unittest.TestCase):
    def test_values_come_back_as_they_were(self) -> None:
        values: list[Any] = [
            None, True, 0, -1, 2**53 + 1, 2**64 + 1, -(10**40), 1e308, 5e-324, 0.1, "", "\0", "é🌋", "\ud800",
            "a\udc00b", [], {}, {"": {"a.b": [1, [2, {"c": None}]]}}, "x" * 1_000_000,
        ]  # fmt: skip
        for value in values:
            with self.subTest(str(value)[:20]):
                text = _json.dumps(value)
                text.encode()  # It can leave.
                self.assertEqual(_json.loads(text), value)
                self.assertIs(type(_json.loads(text)), type(value))

    def test_zero_keeps_its_sign(self) -> None:
        for text in ("-0", "-0.0", "-0e1"):
            self.assertEqual(math.copysign(1, _json.loads(text)), -1, text)
        self.assertEqual(_json.dumps(_json.loads(b"[-0,0,-1.5]")), "[-0.0,0,-1.5]")

    def test_lone_surrogates_are_escaped_and_the_rest_is_not(self) -> None:
        self.assertEqual(_json.dumps("é\ud800\\🌋"), '"é\\ud800\\\\🌋"')

    def test_what_is_no_json_is_refused_with_its_place(self) -> None:
        cases: list[tuple[Any, str]] = [
            (float("nan"), "the value is nan"),
            ({"a": [1, float("-inf")]}, r"the value at a\[1\] is -inf"),
            ({"a": {1: 2}}, r"the value at a is a dict with the key 1: keys must be strings, so write str\(1\)"),
            ({"a": {None: 2}}, "keys must be strings"),
            ([{"at": datetime.now(timezone.utc)}], r"\[0\]\.at is of type datetime: use \.isoformat\(\)"),
            ({"x": {1, 2}}, r"of type set: use sorted"),
            (b"x", "of type bytes"),
            (object(), "of type object"),
            (Place("x", float("inf")), "the value at depth is inf"),
        ]
        for value, why in cases:
            with self.subTest(why), self.assertRaisesRegex(Failure, why) as caught:
                _json.dumps(value)
            self.assertEqual((caught.exception.kind, caught.exception.retryable), ("json", False))

    def test_value_that_holds_itself_is_refused(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        with self.assertRaisesRegex(Failure, "holds itself"):
            _json.dumps(endless)

    def test_tuples_and_data_classes_are_lists_and_objects(self) -> None:
        self.assertEqual(_json.loads(_json.dumps(((1, 2), Place("x", 1.5)))), [[1, 2], {"name": "x", "depth": 1.5}])

    def test_what_no_json_is_is_not_read(self) -> None:
        for text in ("NaN", "Infinity", "-1e400", "", "{", "01"):
            with self.subTest(text), self.assertRaises(ValueError):
                _json.loads(text)


class FailureTest(unittest.TestCase):
    def test_survives_its_record(self) -> None:
        for failure in (
            Failure("a", "b"),
            Failure("busy", "é\0", retryable=True, details=[1, {"x": None}]),
            Failure("busy", "later", retry_after=1.001),
        ):
            same = Failure.from_record(*failure.to_record())
            self.assertEqual((same, hash(same)), (failure, hash(failure)))
            self.assertEqual(pickle.loads(pickle.dumps(failure)), failure)
        self.assertIs(Failure, SameFailure)

    def test_wait_makes_it_retryable_and_is_kept_to_the_millisecond(self) -> None:
        self.assertEqual(Failure("a", retry_after=1.001).to_record()[:2], (True, 1001))
        self.assertEqual(Failure("a", retry_after=10**9).to_record()[1], 2**32 - 1)
        self.assertFalse(Failure("a").retryable)
        with self.assertRaisesRegex(ValueError, "negative"):
            Failure("a", retry_after=-1)

    def test_details_that_are_no_json_are_told_and_not_lost(self) -> None:
        details = Failure("a", details={1}).to_record()[4]
        self.assertIn("details are no JSON: the value is of type set", str(details))

    def test_message_that_is_no_text_can_leave(self) -> None:
        self.assertEqual(Failure("a", "x\ud800").message, "x\\ud800")


if __name__ == "__main__":
    unittest.main()
