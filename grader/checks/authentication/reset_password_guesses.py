"""Whether a token of `reset_password` comes again where chance and time are made to repeat themselves."""

from __future__ import annotations

from grader.checks.authentication.reset_password_app import Shop
from grader.checks.authentication.served import Served

SEED = 7  # what `random` is seeded with


def repeated(shop: Shop, here: Served) -> str:
    """Who got no token of its own, and what instead; "" where every request got one."""
    told = _same(_token(shop, here), _token(shop, here))
    if told:
        return f"the second of two requests at one moment, the module random in one state, got {told}"
    first, second = (shop.place(start="__open_still__") for _ in range(2))
    told = _same(_token(shop, first), _token(shop, second))
    for place in (first, second):
        place.kill()
    if told:
        return f"at one moment of the machine's clock, with the module random in one state, a second process got {told}"
    return ""


def _token(shop: Shop, place: Served) -> str:
    """Of a new link for Ada; what happened instead, in words, if none was mailed."""
    place.worker.call("__seed__", SEED)
    reply, sent = shop.forgot(place, shop.ada)
    return sent[0].token if sent else reply.trouble or "no mail"


def _same(one: str, other: str) -> str:
    if one == other:
        return "no token of its own: the same"
    return f"no token of its own: {other}" if " " in other else ""
