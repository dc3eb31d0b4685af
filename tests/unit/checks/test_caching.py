"""Judges of lab 11 on hand-written histories, and the shared HTTP cache on hand-written replies."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from grader.checks.caching import lab
from grader.checks.caching.flights import Flight
from grader.checks.caching.get_or_compute_scenes import History as Flights
from grader.checks.caching.get_or_compute_scenes import Latecomer, Orphans
from grader.checks.caching.shared_cache import Received, SharedCache, directives
from grader.checks.caching.values import PLAIN, amounts, is_product, nothing, says
from grader.checks.running import Error, Opaque, Reply
from grader.instruments.callers import Exchange
from grader.instruments.faults import Sweep, Trial
from grader.verdict import Outcome


def outcomes(exercise: str, history: Any) -> dict[str, Outcome]:
    return {f.property: f.outcome for f in lab.exercises[exercise].judge(history)}


LAMP = Decimal("19.90")


@pytest.mark.parametrize(
    "value",
    [
        {"id": 7, "name": "Lamp", "price": LAMP},
        {"id": 7, "sku": "L-1", "name": "Lamp", "price": LAMP},
        (7, "Lamp", Decimal("19.9")),
        ["Lamp", LAMP, 7],
    ],
)
def test_a_product_is_a_dict_or_a_row(value: Any) -> None:
    assert is_product(value, 7, "Lamp", LAMP) and is_product(value, None, "Lamp", LAMP)
    assert not is_product(value, 8, "Lamp", LAMP)
    assert not is_product(value, 7, "Lam", LAMP)
    assert not is_product(value, 7, "Lamp", Decimal("1990"))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"name": "Lamp", "price": LAMP},
        {"id": 7, "name": b"Lamp", "price": LAMP},
        {"id": 7, "name": "Lamp", "price": 19.9},
        {"id": 7, "name": "Lamp", "price": "19.90"},
        {"id": "7", "name": "Lamp", "price": LAMP},
        {"id": True, "name": "Lamp", "price": LAMP},
        [(7, "Lamp", LAMP)],
        Opaque("Product", "Product(id=7, name='Lamp', price=19.90)"),
    ],
)
def test_what_only_looks_like_a_product_is_none(value: Any) -> None:
    assert not is_product(value, None, "Lamp", LAMP)


def test_an_object_is_taken_apart() -> None:
    space: dict[str, Any] = {}
    exec(PLAIN, space)
    plain = space["__plain__"]
    product = SimpleNamespace(id=7, name="Lamp", price=LAMP, stock=3)
    assert plain(product) == {"id": 7, "name": "Lamp", "price": LAMP}
    for value in (None, "text", (7, "Lamp"), {"price": 1}, SimpleNamespace(name="Lamp")):
        assert plain(value) is value


def test_nothing_is_none_or_a_typed_refusal() -> None:
    assert nothing(Reply(value=None))
    assert nothing(Reply(error=Error("domain", "UnknownProduct")))
    assert not nothing(Reply(error=Error("builtin", "TypeError")))
    assert not nothing(Reply(value={"missing": True}))
    assert amounts([True, None, "text"]) == set()


def test_a_text_is_told_whole() -> None:
    assert says("one", "one") and says(b"one", "one")
    for other in ("None", None, '{"value": "one"}', ["one"], Opaque("Value", "one")):
        assert not says(other, "one")


class Script:
    """An app that answers by path and token; counts what reaches it."""

    def __init__(self, control: str, vary: str = "") -> None:
        self.control, self.vary, self.asked = control, vary, 0

    def request(self, method: str, path: str, headers: dict[str, str]) -> Exchange:
        self.asked += 1
        reply = {"cache-control": self.control, "vary": self.vary}
        body = (headers.get("Accept-Language", "") + headers.get("Authorization", "")).encode()
        return Exchange(method, path, 200, reply, body)


@pytest.mark.parametrize(
    ("control", "vary", "reached"),
    [
        ("public, max-age=60", "", 1),
        ("public, max-age=60", "Accept-Language", 2),
        ("public, max-age=60", "*", 3),
        ("public, no-cache, max-age=60", "", 3),
        ('no-cache="set-cookie", max-age=60', "", 1),
        ("private, max-age=60", "", 3),
        ("no-store", "", 3),
        ("max-age=0, s-maxage=60", "Accept-Language", 2),
        ("", "", 3),
    ],
)
def test_a_shared_cache_serves_what_it_may(control: str, vary: str, reached: int) -> None:
    app = Script(control, vary)
    cache = SharedCache(app)  # type: ignore[arg-type]
    for language in ("en", "de", "en"):
        cache.get("/products/7", {"Accept-Language": language})
    assert app.asked == reached


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("", False),
        ("max-age=60", False),
        ("no-cache", False),
        ("public, max-age=60", True),
        ("public, no-cache", True),
        ("public, max-age=0", True),
        ("s-maxage=0", True),
        ("no-cache, must-revalidate", True),
        ("no-store, must-revalidate", False),
        ("private, must-revalidate", False),
    ],
)
def test_what_needs_a_token_is_kept_only_if_it_says_so(control: str, kept: bool) -> None:
    cache = SharedCache(Script(control))  # type: ignore[arg-type]
    cache.get("/account", {"Authorization": "Bearer ada"})
    assert cache.holds("Bearer ada") is kept


def test_of_several_stored_replies_the_latest_is_served() -> None:
    app = Script("max-age=60", "Accept-Language")
    cache = SharedCache(app)  # type: ignore[arg-type]
    cache.get("/products/7", {"Accept-Language": "en"})
    app.vary = ""  # the German one claims to be for everybody
    cache.get("/products/7", {"Accept-Language": "de"})
    assert cache.get("/products/7", {"Accept-Language": "en"}).exchange.body == b"de"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"cache-control": "max-age=10, s-maxage=60"}, (60, 60)),
        ({"cache-control": "max-age=x"}, (0, 0)),
        ({"cache-control": "public; max-age=60"}, (0, 0)),
        ({"cache-control": "max-age=60, max-age=0"}, (60, 60)),
        ({"cache-control": "max-age=5", "expires": "Thu, 01 Jan 1970 01:00:00 GMT"}, (5, 5)),
        ({"expires": "Thu, 01 Jan 1970 01:00:00 GMT"}, (3598, 3601)),
        ({"expires": "Thu, 01 Jan 1970 01:00:00 GMT", "cache-control": "no-cache"}, (0, 0)),
        ({"expires": "0"}, (0, 0)),
        ({"expires": "soon"}, (0, 0)),
        ({"cache-control": "max-age=60", "vary": "Accept-Language, *"}, (0, 0)),
    ],
)
def test_lifetimes(headers: dict[str, str], wanted: tuple[float, float]) -> None:
    assert Received(Exchange("GET", "/", 200, headers), sent=0.0, at=2.0).lifetime() == wanted


def test_directives() -> None:
    assert directives('Public, max-age="60" ,immutable') == {"public": "", "max-age": "60", "immutable": ""}
    assert directives('private="a, b", no-cache') == {"private": "a, b", "no-cache": ""}


def flight(value: str = "v", computed: int = 1, calls: int = 1, together: int = 0) -> Flight:
    return Flight(value, [Reply(value=value)] * calls, computed, together)


def orphans(lease: float | None = 20.0, computed: int = 1, step: str = "", in_time: bool = True) -> Orphans:
    return Orphans(step, 20, lease, in_time, flight(computed=computed, calls=2))


def flights(**changed: Any) -> Flights:
    history = Flights(
        first=flight(),
        again=flight(),
        kept=flight(),
        later=flight(computed=2),
        other=flight(computed=3),
        empty=flight(value="", calls=2),
        stampede=flight(calls=50, together=50),
        latecomers=[Latecomer("SET claim NX", flight(calls=2))],
        orphaned=[orphans(), orphans(computed=0, step="EVAL")],
        unasked=10.0,
        slow=flight(calls=3),
        overslept=flight(computed=2, calls=3),
    )
    for name, value in changed.items():
        setattr(history, name, value)
    return history


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({}, set()),
        ({"left": {"key": None}}, {"answers"}),
        ({"kept": flight(computed=2)}, {"answers"}),
        ({"later": flight(computed=1)}, {"answers"}),
        ({"other": flight(computed=2)}, {"answers"}),
        ({"stampede": flight(computed=2, calls=50, together=50)}, {"one_computation"}),
        ({"empty": flight(value="", computed=2, calls=2)}, {"answers"}),
        ({"latecomers": [Latecomer("SET claim NX", flight(computed=2, calls=2))]}, {"looks_once_more"}),
        ({"orphaned": [orphans(lease=None)]}, {"dead_holder_is_replaced"}),
        ({"orphaned": [orphans(), orphans(lease=None, step="EXPIRE")]}, {"dead_holder_is_replaced"}),
        ({"unasked": None}, {"dead_holder_is_replaced"}),
        ({"unasked": 3600.0}, {"dead_holder_is_replaced"}),
        ({"orphaned": [orphans(computed=0, in_time=False)]}, {"dead_holder_is_replaced"}),
        ({"orphaned": [orphans(computed=0)]}, {"dead_holder_is_replaced"}),
        ({"orphaned": [orphans(computed=2)]}, {"dead_holder_is_replaced"}),
        ({"slow": flight(computed=2, calls=3)}, {"slow_compute_is_not_doubled"}),
        ({"overslept": flight(computed=3, calls=3)}, {"nobody_elses_claim"}),
    ],
)
def test_flights_are_judged(changed: dict[str, Any], failed: set[str]) -> None:
    found = outcomes("get_or_compute", flights(**changed))
    assert {name for name, outcome in found.items() if outcome is Outcome.FAIL} == failed


def test_a_stampede_that_did_not_happen_is_unknown() -> None:
    found = outcomes("get_or_compute", flights(stampede=flight(calls=50, together=20)))
    assert found["one_computation"] is Outcome.UNKNOWN


def test_losses_are_compared_with_what_was_declared() -> None:
    def judged(declared: Any, arrived: int, broken: str = "") -> Outcome:
        history = record_view_history(declared, arrived, broken)
        return outcomes("record_view", history)["loss_is_bounded"]

    assert judged(0, 50) is Outcome.PASS
    assert judged(10, 41) is Outcome.PASS
    assert judged(5, 41) is Outcome.FAIL
    assert judged(0, 50, "3 of 50 views are lost") is Outcome.FAIL
    assert judged(1000, 50) is Outcome.FAIL
    assert judged("few", 50) is Outcome.FAIL


def test_a_view_whose_recorder_was_killed_is_there_as_a_whole_or_not_at_all() -> None:
    from grader.checks.caching.write_behind import Overtaken

    def judged(*rows: tuple[int, int], declared: int = 0, trouble: str = "") -> Outcome:
        history = record_view_history(declared, 50, "")
        wanted = [{7: (3, 2)}, {7: (3, 2), 8: (1, 5)}]
        found = dict(zip((7, 8), rows, strict=False))
        history.overtaken = [Overtaken("SET views", True, wanted, found, trouble, {})]
        return outcomes("record_view", history)["loss_is_bounded"]

    assert judged((3, 2)) is Outcome.PASS
    assert judged((3, 2), (1, 5)) is Outcome.PASS
    assert judged((3, 2), (1, 4)) is Outcome.FAIL
    assert judged((2, 2)) is Outcome.FAIL
    assert judged((2, 2), declared=1) is Outcome.PASS
    assert judged((3, 2), (2, 5)) is Outcome.FAIL
    assert judged((3, 2), trouble="raised KeyError") is Outcome.FAIL


def record_view_history(declared: Any, arrived: int, broken: str) -> Any:
    from grader.checks.caching.record_view import History

    rows = {7: (3, 2)}
    return History(
        declared=declared,
        recorded=Reply(),
        flushed=Reply(),
        wanted=rows,
        found=rows,
        idle=rows,
        orphaned=(50, arrived),
        crashes=Sweep(Trial(broken=broken)),
    )


def test_a_gap_as_long_as_the_lifetime_has_run_out() -> None:
    from grader.checks.caching.early_refresh import History

    def judged(began: list[float]) -> Outcome:
        history = History(
            first=Reply(value="first"),
            again=Reply(value="first"),
            computed=1,
            idle=Reply(value="second"),
            load=Reply(value=100),
            began=began,
            ended=[t + 0.5 for t in began],
            lasted=40.0,
        )
        return outcomes("early_refresh", history)["never_runs_out"]

    assert judged([0, 9, 18, 27, 36]) is Outcome.PASS
    assert judged([0, 9, 19.6, 29]) is Outcome.FAIL
