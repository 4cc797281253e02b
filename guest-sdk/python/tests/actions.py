"""Actions that the tests run."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

from weir import Call, Context, Failure, action


@action("input")
def count(quake: dict[str, Any], ctx: Context) -> None:
    if ctx.memory.update("count", lambda n: n + 1, 0) > 10:
        ctx.emit("swarm", quake)


@action("swarm")
def page(quake: dict[str, Any], ctx: Context) -> None:
    ctx.memory.update("pages", lambda n: n + 1, 0)
    ctx.output(ctx.post("https://pager.example/page", json=quake).json())


@action("order")
def charge(order: dict[str, Any], ctx: Context) -> None:
    def new_charge(call: Call) -> Any:
        return ctx.post("https://pay.example/charges", json=order, headers={"Idempotency-Key": call.id}).json()

    def find_charge(call: Call) -> Any:
        found = ctx.get("https://pay.example/charges", params={"id": call.id}, raise_for_status=False)
        return None if found.status_code == 404 else found.raise_for_status().json()

    fee = ctx.durable("fee", order, lambda call: order["cents"] // 100)
    ctx.output({"fee": fee, "charge": ctx.durable("charge", [order, fee], new_charge, reconcile=find_charge)})


@action("quote")
def quote(order: Any, ctx: Context) -> None:
    calls = [
        ctx.durable_call("quote", [shop, order], request=ctx.request("POST", shop, json=order))
        for shop in ("https://a.example/", "https://b.example/")
    ]
    ctx.output(ctx.durable_all(calls))


@action("draw")
def draw(_: Any, ctx: Context) -> None:
    """Draws from all that is served, before, inside and after a call."""
    before = [random.random(), ctx.random.random(), ctx.random_u32(), str(uuid.uuid4()), time.time()]
    inside = ctx.durable("draw", None, lambda call: [random.random(), ctx.random_u32(), time.time()])
    ctx.output([before, inside, [random.random(), ctx.random_u32(), str(uuid.uuid4()), time.time_ns()]])


@action("fee")
def failing_fee(order: Any, ctx: Context) -> None:
    def body(call: Call) -> Any:
        if order == "busy":
            raise Failure("busy", "come back", retry_after=2.5)
        if order == "declined":
            raise Failure("card-declined", "no funds", details={"limit": 5})
        return 1 // order

    try:
        ctx.output(ctx.durable("fee", order, body))
    except Failure as failure:
        ctx.output([failure.kind, failure.message, failure.details])
