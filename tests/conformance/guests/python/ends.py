"""Ends that nobody meant."""


def error(ctx):
    raise ValueError("crash on purpose")


def error_in_call(ctx):
    ctx.durable("crash", None, error)


class Mute(Exception):
    def __str__(self):
        raise TypeError("it has no text")


def error_without_text(ctx):
    raise Mute


def error_without_text_in_call(ctx):
    ctx.durable("crash", None, error_without_text)


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
    "error-without-text": error_without_text,
    "error-without-text-in-call": error_without_text_in_call,
    "loop": loop,
    "recurse": recurse,
    "allocate": allocate,
}
