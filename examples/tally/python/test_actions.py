import unittest

from actions import tally
from weir.testing import TestKey


class TallyTest(unittest.TestCase):
    def test_amounts_are_counted_added_up_and_doubled_once_each(self):
        key = TestKey("a")
        key.run(tally, {"key": "a", "amount": 5})
        second = {"language": "python", "count": 2, "total": 12, "doubled": 14}
        self.assertEqual(key.run(tally, {"key": "a", "amount": 7}).outputs, [second])
        self.assertEqual(key.again().outputs, [second])
        self.assertTrue(key.calls[0].replayed)
        self.assertEqual(key.memory[""], {"python": {"count": 2, "total": 12}})


if __name__ == "__main__":
    unittest.main()
