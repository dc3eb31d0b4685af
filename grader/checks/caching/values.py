"""What an answer returned: products as dicts, rows or objects, numbers in whatever form, text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from grader.checks.running import Opaque, Reply

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

# Driver source. An object crosses to the judge by its type and repr only, so a product is taken apart where it is made.
PLAIN = """
def __plain__(value):
    import collections.abc

    known = (str, bytes, int, float, list, tuple, collections.abc.Mapping)
    if value is None or isinstance(value, known):
        return value
    fields = {name: getattr(value, name) for name in ("id", "name", "price") if hasattr(value, name)}
    return fields if "price" in fields else value
"""


def leaves(value: Any) -> Iterator[Any]:
    """Every scalar in a returned value."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def amounts(value: Any) -> set[Decimal]:
    """Every number in a returned value, however it is written."""
    found: set[Decimal] = set()
    for leaf in leaves(value):
        if isinstance(leaf, bool) or leaf is None:
            continue
        if isinstance(leaf, Opaque):  # a dataclass, a model: its repr tells
            found |= {Decimal(n) for n in _NUMBER.findall(leaf.text)}
            continue
        text = leaf.decode("utf-8", "replace") if isinstance(leaf, bytes) else str(leaf)
        try:
            found.add(Decimal(text))
        except InvalidOperation:
            continue
    return {n for n in found if n.is_finite()}


def says(value: Any, text: str) -> bool:
    """Whether a returned value is this text and nothing else; bytes will do."""
    return bool(value == text or value == text.encode())


def shows(value: Any, name: str, price: Decimal) -> bool:
    """Whether a returned product has this name and this price, and an id."""
    return is_product(value, None, name, price)


def is_product(value: Any, id: int | None, name: str, price: Decimal) -> bool:
    """Whether a returned product is this one: its id, its name as text and its price as a Decimal.

    A mapping, or a row with these three in any order; an object has become a mapping where it was made (`PLAIN`).
    Without an id any number will do.
    """
    if isinstance(value, Mapping):
        fields = [value.get("id"), value.get("name"), value.get("price")]
    elif isinstance(value, list | tuple):
        fields = list(value)
    else:
        return False
    return (
        any(isinstance(f, int) and not isinstance(f, bool) and id in (None, f) for f in fields)
        and any(isinstance(f, str) and f == name for f in fields)
        and any(isinstance(f, Decimal) and f == price for f in fields)
    )


def nothing(reply: Reply | None) -> bool:
    """Whether a call said that there is no such thing: None (or empty), or a typed refusal."""
    if reply is None or reply.ended:
        return False
    if reply.error is None:
        return reply.value is None or (isinstance(reply.value, dict | list | tuple | str) and not reply.value)
    return reply.error.kind == "domain" or reply.error.type in ("LookupError", "KeyError", "ValueError")


def told(reply: Reply | None) -> str:
    """What a call did, in words."""
    if reply is None or reply.ended:
        return "did not come back"
    if reply.error is None:
        text = reply.value.text if isinstance(reply.value, Opaque) else repr(reply.value)
        return f"returned {text if len(text) <= 160 else text[:159] + '…'}"
    first = (reply.error.message.splitlines() or [""])[0][:160]
    where = f" (line {reply.error.line})" if reply.error.line else ""
    return f"raised {reply.error.type}{': ' + first if first else ''}{where}"
