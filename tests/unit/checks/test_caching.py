"""Judges of lab 11 on hand-written histories, and the shared HTTP cache on hand-written replies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from grader.checks.caching import lab
from grader.checks.caching.get_or_compute import Flight
from grader.checks.caching.get_or_compute import History as Flights
from grader.checks.caching.shared_cache import SharedCache, directives, lifetime
from grader.checks.caching.values import amounts, nothing, says, shows
from grader.checks.running import Error, Opaque, Reply
from grader.instruments.callers import Exchange
from grader.instruments.faults import Sweep, Trial
from grader.verdict import Outcome


def outcomes(exercise: str, history: Any) -> dict[str, Outcome]:
    return {f.property: f.outcome for f in lab.exercises[exercise].judge(history)}


@pytest.mark.parametrize(
    "value",
    [
        {"id": 7, "name": "Lamp", "price": Decimal("19.90")},
        (7, "Lamp", "19.9"),
        [{"name": b"Lamp", "price": 19.9}],
        Opaque("Product", "Product(id=7, name='Lamp', price=19.90)"),
    ],
)
def test_a_product_is_recognised_in_every_form(value: Any) -> None:
    assert shows(value, "Lamp", Decimal("19.90"))
    assert not shows(value, "Lamp", Decimal("1990"))


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
        ("private, max-age=60", "", 3),
        ("no-store", "", 3),
        ("max-age=0, s-maxage=60", "Accept-Language", 2),
        ("", "", 3),
    ],
)
def test_a_shared_cache_keeps_what_it_may(control: str, vary: str, reached: int) -> None:
    app = Script(control, vary)
    cache = SharedCache(app)  # type: ignore[arg-type]
    for language in ("en", "de", "en"):
        cache.get("/products/7", {"Accept-Language": language})
    assert app.asked == reached


def test_what_needs_a_token_is_kept_only_if_it_says_so() -> None:
    for control, kept in (("max-age=60", False), ("public, max-age=60", True), ("s-maxage=5", True)):
        cache = SharedCache(Script(control))  # type: ignore[arg-type]
        cache.get("/account", {"Authorization": "Bearer ada"})
        assert cache.holds("Bearer ada") is kept


def test_directives_and_lifetimes() -> None:
    assert directives('Public, max-age="60" ,immutable') == {"public": "", "max-age": "60", "immutable": ""}
    assert lifetime(Exchange("GET", "/", 200, {"cache-control": "max-age=10, s-maxage=60"})) == 60
    assert lifetime(Exchange("GET", "/", 200, {"cache-control": "max-age=x"})) == 0


def flight(value: str = "v", computed: int = 1, calls: int = 1, together: int = 0) -> Flight:
    return Flight(value, [Reply(value=value)] * calls, computed, together)


def flights(**changed: Any) -> Flights:
    history = Flights(
        first=flight(),
        again=flight(),
        kept=flight(),
        later=flight(computed=2),
        other=flight(computed=3),
        stampede=flight(calls=50, together=50),
        orphaned=flight(calls=2),
        lease=10.0,
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
        ({"lease": None}, {"dead_holder_is_replaced"}),
        ({"lease": 3600.0}, {"dead_holder_is_replaced"}),
        ({"orphaned": flight(computed=0, calls=2)}, {"dead_holder_is_replaced"}),
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
