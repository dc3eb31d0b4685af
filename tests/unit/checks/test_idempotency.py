"""The judges of lab 10 from hand-written histories."""

from __future__ import annotations

from grader.checks.exercise import Failed, Unknown
from grader.checks.idempotency import call_with_retry as retrying
from grader.checks.idempotency.charge_till import Case, unpaid
from grader.checks.idempotency.deliveries import Series, serve
from grader.checks.idempotency.payments_scenes import unlike
from grader.checks.idempotency.payments_shop import not_once
from grader.checks.idempotency.place_order import _repeated
from grader.checks.idempotency.place_order_office import astray
from grader.checks.idempotency.retry_desk import Case as Attempted
from grader.checks.running import Error, Reply
from grader.instruments.broker import Message
from grader.instruments.callers import Exchange
from grader.instruments.explore import Run

PLACED = [{"id": 7, "customer_id": 1}, {"id": 3, "customer_id": 1}, {"id": 5, "customer_id": 2}]


def told(*ids: int) -> list[Message]:
    return [Message("orders", "1", {"order_id": id}) for id in ids]


def test_events_may_come_twice_but_not_late_or_never():
    assert astray([3, 5, 7], told(7, 7, 3, 5, 3), PLACED) == ""
    assert astray([3, 5, 7], told(7, 5, 7, 3, 7), PLACED) == ""
    assert "never published" in astray([3, 5, 7], told(7, 5), PLACED)
    assert "came in the order [3, 7]" in astray([3, 5, 7], told(3, 5, 7), PLACED)
    assert astray([3, 5, 7], told(3, 5, 7), PLACED, ordered=False) == ""
    assert "does not exist" in astray([7], told(7, 3), PLACED)


def test_one_charge_and_its_record():
    assert unpaid(Case("", [], ["ch_1"], ("paid", "ch_1"))) == ""
    assert "2 times" in unpaid(Case("", [], ["ch_1", "ch_2"], ("paid", "ch_1")))
    assert "never" in unpaid(Case("", [], [], ("paid", "ch_1")))
    assert "pending" in unpaid(Case("", [], ["ch_1"], ("pending", "")))
    assert not_once([("ch_1", 5, "order-1")], [("a", 1, 5, "ch_1")]) == ""
    assert "0 rows" in not_once([("ch_1", 5, "order-1")], [])
    assert "names charge" in not_once([("ch_1", 5, "order-1")], [("a", 1, 5, "ch_9")])


def test_what_came_twice_counts_only_where_nothing_failed():
    error = Reply(error=Error("domain", "BrokerUnavailable"))

    def ran(*replies: Reply | None) -> Run:
        return Run(replies=list(replies), endings=["returned", "returned"], state={"repeated": [7]})

    assert "order 7" in _repeated(ran(Reply(), Reply()))
    assert _repeated(ran(Reply(), error)) == ""
    assert _repeated(ran(Reply(), None)) == ""


def test_only_payments_must_be_told_alike():
    first, second = (Exchange("POST", "/", 201, body=body) for body in (b"1", b"2"))
    assert unlike([first, first, Exchange("POST", "/", 409, body=b"3")]) == ""
    assert "different" in unlike([first, second])


def test_a_delivery_that_raises_fails_even_if_the_rows_are_right():
    error = Reply(error=Error("database", "UniqueViolation", sqlstate="23505"))
    right = Series("again", "twice", ["m", "m"], [["a"]], [Reply(), error], [["a"]])
    ruling = serve([right], "unchanged", str)
    assert isinstance(ruling, Failed)
    assert "UniqueViolation" in ruling.happened
    assert serve([Series("again", "once", ["m"], [["a"]], [Reply()], [["a"]])], "unchanged", str) is True
    assert isinstance(serve([], "unchanged", str), Unknown)


def spread(waits: list[list[float]]) -> retrying.History:
    done = Reply(value=[503, ""])
    cases = [Attempted("", [503], [0.0], w, reply=done) for w in waits]
    return retrying.History({"x": cases[0]}, cases, cases[:1] * 2, base=1.0, cap=4.0)


def hill(share: float) -> float:
    """An even share, drawn towards the middle as the mean of two draws is."""
    return (share / 2) ** 0.5 if share < 0.5 else 1 - ((1 - share) / 2) ** 0.5


def test_jitter_is_judged_by_its_spread():
    bounds = [1.0, 2.0, 4.0, 4.0]
    rule = retrying.full_jitter.rule
    even = [[b * (n + 0.5) / retrying.SEEDS for b in bounds] for n in range(retrying.SEEDS)]
    assert rule(spread(even)) is True
    assert isinstance(rule(spread([bounds] * retrying.SEEDS)), Failed)
    half = [[b / 2 + w / 2 for b, w in zip(bounds, row, strict=True)] for row in even]
    assert isinstance(rule(spread(half)), Failed)
    triangle = [[b * hill(w / b) for b, w in zip(bounds, row, strict=True)] for row in even]
    assert isinstance(rule(spread(triangle)), Failed)
    assert isinstance(rule(spread([[5.0, *row[1:]] for row in even])), Failed)
    assert isinstance(rule(retrying.History()), Unknown)
