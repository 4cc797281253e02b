"""Keyed memory as a mapping."""

from __future__ import annotations

import unittest
from typing import Any

from weir import Context, Failure, action, escape
from weir.testing import TestKey


class MemoryTest(unittest.TestCase):
    def setUp(self) -> None:
        self.memory = TestKey().memory

    def test_value_is_set_read_found_and_deleted_by_its_path(self) -> None:
        memory = self.memory
        memory["order.count"] = 3
        self.assertEqual(memory["order.count"], 3)
        self.assertEqual(memory["order"], {"count": 3})
        self.assertIn("order", memory)
        self.assertNotIn("order.total", memory)
        self.assertEqual(memory.get("order.total", 5), 5)
        self.assertIsNone(memory.get("order.total"))
        del memory["order.count"]
        self.assertEqual(memory[""], {"order": {}})
        for read in (lambda: memory["order.count"], lambda: memory.pop("order.count"), lambda: memory.__delitem__("x")):
            with self.assertRaises(KeyError):
                read()

    def test_null_is_a_value(self) -> None:
        self.memory["x"] = None
        self.assertIn("x", self.memory)
        self.assertIsNone(self.memory["x"])
        self.assertIsNone(self.memory.get("x", 1))
        self.assertIsNone(self.memory.setdefault("x", 1))

    def test_update_starts_from_the_default(self) -> None:
        self.assertEqual(self.memory.update("n", lambda n: n + 1, 0), 1)
        self.assertEqual(self.memory.update("n", lambda n: n + 1, 0), 2)
        self.assertEqual(self.memory.update("names", lambda names: [*names, "a"], []), ["a"])

    def test_update_that_gives_nothing_back_is_refused(self) -> None:
        self.memory["names"] = ["a"]
        with self.assertRaisesRegex(TypeError, "the update of names gave None"):
            self.memory.update("names", lambda names: names.append("b"))
        self.assertEqual(self.memory["names"], ["a"])

    def test_names_in_a_tuple_may_hold_dots_and_backslashes(self) -> None:
        name = "a.b\\c"
        self.memory["seen", name] = 1
        self.assertEqual(self.memory.fields("seen"), [name])
        self.assertEqual(self.memory["seen." + escape(name)], 1)

    def test_empty_name_in_a_tuple_is_refused(self) -> None:
        self.memory["seen", "a"] = 1
        part = self.memory.at("seen")
        for path in (("",), ("", "a"), ("a", ""), ("", "")):
            for use in (part.remove, part.at, part.fields, part.get):
                with self.subTest(f"{use.__name__} {path}"), self.assertRaisesRegex(Failure, "empty name") as caught:
                    use(path)
                self.assertEqual(caught.exception.kind, "memory/invalid-path")
        with self.assertRaisesRegex(Failure, "empty name") as caught:
            escape("")
        self.assertEqual(caught.exception.kind, "memory/invalid-path")
        self.assertEqual(self.memory[""], {"seen": {"a": 1}})

    def test_part_of_memory_is_a_memory(self) -> None:
        part = self.memory.at("order")
        part["a.b"] = 1
        part["x.y", "z"] = 2
        self.assertEqual(self.memory[""], {"order": {"a": {"b": 1}, "x.y": {"z": 2}}})
        self.assertEqual(list(part), ["a", "x\\.y"])
        self.assertEqual([part[path] for path in part], [{"b": 1}, {"z": 2}])
        self.assertEqual(part.at("a")["b"], 1)
        self.assertEqual(len(part), 2)

    def test_path_does_not_reach_into_a_value_and_says_so(self) -> None:
        self.memory["order"] = {"items": {"n": 1}}
        with self.assertRaisesRegex(KeyError, "order is a value that was set whole"):
            self.memory["order.items.n"]
        self.memory["a.b"] = 1
        self.memory["x.y", "z"] = {"n": 1}
        with self.assertRaisesRegex(KeyError, r"\(x\\+\.y\.z is a value"):
            self.memory[("x.y", "z", "n")]
        self.assertNotIn("order.items", self.memory)
        for path in ("order.items", "order.x"):
            with self.assertRaises(Failure) as caught:
                self.memory[path] = 1
            self.assertEqual(caught.exception.kind, "memory/type-mismatch")

    def test_value_does_not_go_over_an_object(self) -> None:
        self.memory["a.b"] = 1
        for path in ("a", ""):
            with self.assertRaises(Failure) as caught:
                self.memory[path] = 1
            self.assertEqual(caught.exception.kind, "memory/type-mismatch")
        self.memory.new_object("a")
        with self.assertRaises(Failure):
            self.memory.new_object("a.b")

    def test_read_value_is_a_copy(self) -> None:
        self.memory["list"] = [1]
        self.memory["list"].append(2)
        self.assertEqual(self.memory["list"], [1])

    def test_fields_come_in_the_order_of_their_bytes(self) -> None:
        for name in ("é", "z", "Z", "\U0001f600", "\uffff"):
            self.memory["o", name] = 1
        self.assertEqual(self.memory.fields("o"), ["Z", "z", "é", "\uffff", "\U0001f600"])
        self.assertEqual(self.memory.fields("o.z"), [])
        self.assertTrue(self.memory.is_object("o"))
        self.assertFalse(self.memory.is_object("o.z"))

    def test_path_that_is_none_is_refused(self) -> None:
        for path in ("a..b", ".", "a\\b", "a\ud800"):
            with self.subTest(repr(path)), self.assertRaises(Failure) as caught:
                self.memory[path] = 1
            self.assertEqual(caught.exception.kind, "memory/invalid-path")
        for wrong in (5, None, ("a", 5)):
            with self.subTest(str(wrong)), self.assertRaises(TypeError):
                self.memory[wrong] = 1  # type: ignore[index]

    def test_sensory_memory_lasts_for_one_run(self) -> None:
        @action("input")
        def notes(payload: Any, ctx: Context) -> None:
            ctx.output(ctx.sensory.get("note"))
            ctx.sensory["note"] = payload

        key = TestKey()
        self.assertEqual(key.run(notes, 1).outputs, [None])
        self.assertEqual(key.follow(notes, 2).outputs, [1])
        self.assertEqual(key.run(notes, 3).outputs, [None])
        self.assertEqual(key.sensory["note"], 3)


if __name__ == "__main__":
    unittest.main()
