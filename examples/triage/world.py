#!/usr/bin/env python3
"""What is outside of the agent: a model that answers by a script, and the shop's orders and refunds. A ledger says what
it was asked, and how often.

    world.py [--port 8097] [--hold N]

POST /v1/chat/completions   the model; the last message decides, and what the tools said before
GET  /orders/ID             the shop
POST /refunds               pays once for each Idempotency-Key
GET  /ledger                {"turns": [{"user", "ticket", "turn", "key"}, …], "refunds": […], "refunds_asked": N,
                            "holding": true or false}
POST /hold/N, POST /release lets the N-th turn asked from now on wait for its answer until it is released

On its first line of output it names its origin.
"""

import argparse
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ORDERS = {
    "1042": {"order": "1042", "item": "tent", "cents": 12900, "payments": 2, "status": "delivered"},
    "2001": {"order": "2001", "item": "boots", "cents": 8900, "payments": 1, "status": "with the carrier"},
    "3003": {"order": "3003", "item": "stove", "cents": 4500, "payments": 2, "status": "packed"},
}


class World:
    """All that the ledger knows."""

    def __init__(self):
        self.lock = threading.Condition()
        self.turns = []
        self.refunds = {}
        self.refunds_asked = 0
        self.hold_in = None
        self.is_holding = False

    def on_turn(self, turn):
        """Notes a turn, and lets it wait if it is the one to be held."""
        with self.lock:
            self.turns.append(turn)
            if self.hold_in is None:
                return
            self.hold_in -= 1
            if self.hold_in == 0:
                self.hold_in, self.is_holding = None, True
                self.lock.wait_for(lambda: not self.is_holding)

    def hold(self, turns):
        with self.lock:
            self.hold_in = turns

    def release(self):
        with self.lock:
            self.is_holding = False
            self.lock.notify_all()

    def refund(self, key, body):
        with self.lock:
            self.refunds_asked += 1
            self.refunds.setdefault(key, {**body, "refund": f"R-{body['order']}"})
            return self.refunds[key]

    def ledger(self):
        with self.lock:
            return {
                "turns": self.turns,
                "refunds": list(self.refunds.values()),
                "refunds_asked": self.refunds_asked,
                "holding": self.is_holding,
            }


def model(messages):
    """The script: what the model says after these messages."""
    ticket, since = last_ticket(messages)
    results = [json.loads(message["content"]) for message in since if message["role"] == "tool"]
    earlier = [message for message in messages if message["role"] == "user"][:-1]
    order = re.search(r"\b\d{4}\b", ticket)
    if re.search(r"\b(still|again)\b", ticket):
        topic = next((said["content"] for said in reversed(earlier)), "nothing")
        return verdict("escalation", "high", f"A colleague takes over. You wrote before: {topic}")
    if order is None:
        return verdict("account", "low", "Use the link on the sign-in page.")
    if not results:
        return call("find_order", {"order": order[0]}, len(messages))
    if "error" in results[0]:
        return verdict("unknown-order", "low", "Please look the number up once more.")
    if "twice" in ticket and results[0]["payments"] > 1:
        if len(results) == 1:
            return call("refund", {"order": order[0], "cents": results[0]["cents"]}, len(messages))
        return verdict(
            "billing", "high", f"Refund {results[1]['refund']} of {results[1]['cents']} cents is on its way."
        )
    return verdict("shipping", "low", f"Your {results[0]['item']}: {results[0]['status']}.")


def last_ticket(messages):
    """The text of the last ticket, and what was said since."""
    at = max(at for at, message in enumerate(messages) if message["role"] == "user")
    return messages[at]["content"], messages[at + 1 :]


def call(name, arguments, number):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call-{number}", "type": "function", "function": function}],
    }


def verdict(category, urgency, answer):
    return {"role": "assistant", "content": json.dumps({"category": category, "urgency": urgency, "answer": answer})}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world = World()

    def do_GET(self):
        if self.path == "/ledger":
            self.answer(200, self.world.ledger())
        elif self.path.startswith("/orders/"):
            order = ORDERS.get(self.path.removeprefix("/orders/"))
            self.answer(200 if order else 404, order or {"error": "no such order"})
        else:
            self.answer(404, {"error": "no such page"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers.get("Idempotency-Key")
        if self.path == "/v1/chat/completions":
            asked = json.loads(body)
            ticket, since = last_ticket(asked["messages"])
            turn = sum(message["role"] == "assistant" for message in since) + 1
            self.world.on_turn({"user": asked["user"], "ticket": ticket, "turn": turn, "key": key})
            self.answer(200, {"choices": [{"message": model(asked["messages"])}]})
        elif self.path == "/refunds":
            self.answer(200, self.world.refund(key, json.loads(body)))
        elif self.path.startswith("/hold/"):
            self.world.hold(int(self.path.removeprefix("/hold/")))
            self.answer(200, {})
        elif self.path == "/release":
            self.world.release()
            self.answer(200, {})
        else:
            self.answer(404, {"error": "no such page"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            # Who asked is dead.
            self.close_connection = True

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that die are what this world is for; anything else is a mistake."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description="The model, the shop, and a ledger of what they were asked.")
    parser.add_argument("--port", type=int, default=8097, help="0: one that is free")
    parser.add_argument("--hold", type=int, metavar="N", help="let the N-th turn wait until it is released")
    given = parser.parse_args()
    if given.hold:
        Handler.world.hold(given.hold)
    server = Server(("127.0.0.1", given.port), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
