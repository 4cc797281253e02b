"""The steps of a script."""

import logging
import random
import time

from weir import Failure, RawJson

LEVELS = {"trace": 5, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
NOTHING = object()


def run_all(steps, ctx, seen):
    """Takes the steps, and adds what they see."""
    for step in steps:
        try:
            saw = run(step, ctx)
        except Failure as failure:
            if not step.get("catch"):
                raise
            saw = show(failure)
        if saw is not NOTHING:
            seen.append(saw)


def run(step, ctx):
    op = step["op"].replace("-", "_")
    if op not in OPS:
        raise Failure("unknown-op", "this guest does not know that op")
    return OPS[op](step, ctx)


def memory(step, ctx):
    return ctx.sensory if step.get("scope") == "sensory" else ctx.memory


def get(step, ctx):
    path = step["path"]
    return [memory(step, ctx)[path]] if path in memory(step, ctx) else []


def set_(step, ctx):
    memory(step, ctx)[step["path"]] = step["value"]
    return NOTHING


def new_object(step, ctx):
    memory(step, ctx).new_object(step["path"])
    return NOTHING


def fields(step, ctx):
    names = memory(step, ctx).fields(step["path"])
    return names if memory(step, ctx).is_object(step["path"]) else None


def exists(step, ctx):
    return step["path"] in memory(step, ctx)


def remove(step, ctx):
    return memory(step, ctx).remove(step["path"])


def count(step, ctx):
    return memory(step, ctx).update(("seen", step["name"]), lambda n: n + 1, 0)


def emit(step, ctx):
    return ctx.emit(step["kind"], step["value"])


def output(step, ctx):
    ctx.output(step["value"])
    return NOTHING


def body_of(step, ctx):
    def body(call):
        logging.info("run %s %s", step["function"], call.id)
        run_all(step.get("inside", []), ctx, [])
        if "fail" in step:
            raise failure_of(step["fail"])
        return step.get("ok")

    return body


def call(step, ctx):
    return ctx.durable(step["function"], step["arguments"], body_of(step, ctx))


def reconcile(step, ctx):
    def find(call):
        logging.info("find %s %s", step["function"], call.id)
        found = step["found"]
        if "fail" in found:
            raise failure_of(found["fail"])
        return None if found.get("never") else call.happened(found.get("ok"))

    return ctx.durable(step["function"], step["arguments"], run=body_of(step, ctx), reconcile=find)


def charge(step, ctx):
    def new(call):
        return ctx.post(step["url"], json=json_of(step["arguments"]), headers={"Idempotency-Key": call.id}).json()

    def find(call):
        found = ctx.get(f"{step['url']}?id={call.id}", raise_for_status=False)
        return None if found.status_code == 404 else call.happened(found.raise_for_status().json())

    return ctx.durable(step["function"], step["arguments"], run=new, reconcile=find)


def parallel(step, ctx):
    calls = [
        ctx.durable_call(
            each["function"],
            each["arguments"],
            request=ctx.request("POST", each["url"], json=json_of(each["arguments"])),
        )
        for each in step["calls"]
    ]
    results = ctx.durable_each(calls)
    return [show(result) if isinstance(result, Failure) else {"ok": result} for result in results]


def json_of(value):
    """A body that is sent though it is null."""
    return RawJson("null") if value is None else value


def request_of(step, ctx):
    data = bytes(step["bytes"]) if "bytes" in step else step.get("text")
    timeout = step["timeout_ms"] / 1000 if "timeout_ms" in step else None
    return ctx.request(
        step["method"],
        step["url"],
        headers=step.get("headers"),
        json=json_of(step["json"]) if "json" in step else None,
        data=data,
        timeout=timeout,
        raise_for_status=not step.get("any_status"),
    )


def came(step, response):
    read = step.get("read")
    body = None
    if read == "json":
        body = response.json()
    elif read == "text":
        body = response.text
    elif read == "bytes":
        body = list(response.content)
    return {"status": response.status_code, "type": response.headers.get("content-type"), "body": body}


def http(step, ctx):
    return came(step, request_of(step, ctx).send())


def http_all(step, ctx):
    seen = []
    answers = ctx.send_each(request_of(each, ctx) for each in step["requests"])
    for each, answer in zip(step["requests"], answers):
        try:
            seen.append(show(answer) if isinstance(answer, Failure) else came(each, answer))
        except Failure as failure:
            seen.append(show(failure))
    return seen


def where(step, ctx):
    return {
        "key": ctx.key,
        "key_is_text": ctx.key_is_text,
        "sequence_number": ctx.sequence_number,
        "source_timestamp_ms": ctx.source_timestamp_ms,
        "event_id": ctx.event_id,
        "event_kind": ctx.event_kind,
    }


def log(step, ctx):
    logging.log(LEVELS[step["level"]], "%s", step["message"])
    return NOTHING


def print_(step, ctx):
    print(step["message"])
    return NOTHING


def fail(step, ctx):
    raise failure_of(step["fail"])


def failure_of(given):
    wait_ms = given.get("wait_ms")
    return Failure(
        given["kind"],
        given["message"],
        retryable=given.get("retryable", False),
        retry_after=None if wait_ms is None else wait_ms / 1000,
        details=given.get("details"),
    )


def show(failure):
    wait = failure.retry_after
    return {
        "failure": failure.kind,
        "message": failure.message,
        "retryable": failure.retryable,
        "wait_ms": None if wait is None else round(wait * 1000),
        "details": failure.details,
    }


OPS = {
    "get": get,
    "set": set_,
    "new_object": new_object,
    "fields": fields,
    "exists": exists,
    "remove": remove,
    "count": count,
    "emit": emit,
    "output": output,
    "call": call,
    "reconcile": reconcile,
    "charge": charge,
    "parallel": parallel,
    "http": http,
    "http_all": http_all,
    "where": where,
    "header": lambda step, ctx: ctx.header(step["name"]),
    "config": lambda step, ctx: ctx.config.get(step["name"]),
    "now": lambda step, ctx: ctx.now_ms,
    "random": lambda step, ctx: ctx.random_u32(),
    "own_clock": lambda step, ctx: int(time.time() * 1000),
    "own_random": lambda step, ctx: random.random(),
    "log": log,
    "print": print_,
    "fail": fail,
}
