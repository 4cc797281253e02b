"""Text that can leave: Python's strings may hold lone surrogates, which no UTF-8 can."""

from __future__ import annotations


def is_clean(text: str) -> bool:
    """Whether it can be written as UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(text: str) -> str:
    """The text for people to read, with lone surrogates written out as `\\udXXX`."""
    text = str(text)
    return text if is_clean(text) else text.encode("utf-8", "backslashreplace").decode()
