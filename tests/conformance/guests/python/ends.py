"""Ends that nobody meant."""


def error(ctx):
    raise ValueError("crash on purpose")


def error_in_call(ctx):
    ctx.durable("crash", None, error)


def loop(ctx):
    while True:
        pass


def recurse(ctx):
    return deeper(1)


def deeper(depth):
    return deeper(depth + 1) * depth


def allocate(ctx):
    kept = []
    while True:
        kept.append(b"1" * 1_000_000)


ENDS = {
    "error": error,
    "panic": error,
    "error-in-call": error_in_call,
    "panic-in-call": error_in_call,
    "loop": loop,
    "recurse": recurse,
    "allocate": allocate,
}
