"""The agent against a model that a test scripts: no host, no network."""

import json
import unittest

from actions import triage
from weir.testing import TestKey, TestResponse

TICKET = {"customer": "ann", "ticket": "T-1", "text": "I was charged twice for order 1042."}
VERDICT = {"category": "billing", "urgency": "high", "answer": "Done."}


def says(content=None, **tools):
    calls = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for name, arguments in tools.items()
    ]
    message = {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}
    return TestResponse(json={"choices": [{"message": message}]})


class World:
    """Answers turns by its script, and keeps refunds by their idempotency key."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []
        self.refunds = {}

    def __call__(self, request):
        if request.url.endswith("/chat/completions"):
            self.asked.append(request.json()["messages"])
            return self.script.pop(0)
        if "/refunds" in request.url:
            return TestResponse(json=self.refunds.setdefault(request.headers["Idempotency-Key"], {"refund": "R-1"}))
        return TestResponse(json={"order": "1042", "payments": 2})


def agent(*script):
    key, world = TestKey("ann", config={"world": "http://world.example"}), World(*script)
    key.on_request(world)
    return key, world


class TriageTest(unittest.TestCase):
    def test_tools_are_used_until_there_is_a_verdict(self):
        key, world = agent(
            says(find_order={"order": "1042"}), says(refund={"order": "1042", "cents": 5}), says(json.dumps(VERDICT))
        )
        self.assertEqual(key.run(triage, TICKET).outputs, [{"language": "python", "ticket": "T-1", **VERDICT}])
        self.assertEqual([len(messages) for messages in world.asked], [2, 4, 6])
        self.assertEqual(world.asked[2][-1]["content"], '{"refund": "R-1"}')

    def test_crash_after_a_refund_repeats_neither_turn_nor_refund(self):
        key, world = agent(says(refund={"order": "1042", "cents": 5}), says(json.dumps(VERDICT)))
        key.crash_in("POST http://world.example/refunds")
        self.assertEqual(key.fails(triage, TICKET).kind, "crash")
        key.again()
        key.again()
        self.assertEqual(len(world.asked), 2)
        self.assertEqual(len(world.refunds), 1)

    def test_conversation_is_remembered(self):
        key, world = agent(says(json.dumps(VERDICT)), says(json.dumps(VERDICT)))
        key.run(triage, TICKET)
        key.run(triage, {**TICKET, "ticket": "T-4", "text": "I still don't see the money."})
        self.assertEqual([message["role"] for message in world.asked[1]], ["system", "user", "assistant", "user"])
        self.assertEqual(key.memory["python.tickets"], 2)

    def test_model_that_never_comes_to_an_end_is_given_up(self):
        key, world = agent(*[says(find_order={"order": "1042"})] * 99)
        self.assertEqual(key.fails(triage, TICKET).kind, "too-many-turns")
        self.assertNotIn("python", key.memory)

    def test_busy_model_is_asked_again_later(self):
        key, _ = agent(TestResponse(status=429, headers={"Retry-After": "2"}), says(json.dumps(VERDICT)))
        failure = key.fails(triage, TICKET)
        self.assertEqual((failure.retryable, failure.retry_after), (True, 2))
        self.assertEqual(len(key.again().outputs), 1)


if __name__ == "__main__":
    unittest.main()
