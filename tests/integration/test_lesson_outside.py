"""Lessons' experiments with other people's systems: every order, every crash, every delivery, against a real server."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grader.instruments.mailbox import QueueUnavailable
from grader.instruments.provider import ProviderTimeout
from grader.notebook.crash_lanes import crash_everywhere, draw_crashes
from grader.notebook.deliveries import every_delivery
from grader.notebook.outside import Outside
from grader.notebook.outside_orders import pay_at_once, steps
from grader.notebook.scratch import Scratch

pytestmark = pytest.mark.server

TABLES = """
CREATE TABLE orders (id int PRIMARY KEY);
CREATE TABLE keys (key text PRIMARY KEY, reply text);
CREATE TABLE shelf (on_hand int);
INSERT INTO shelf VALUES (50);
"""


@pytest.fixture(scope="module")
def db(services):
    scratch = Scratch(f"lesson_{uuid4().hex[:12]}", TABLES)
    yield scratch
    scratch.drop()


@pytest.fixture
def outside():
    found = Outside()
    yield found
    found.close()


def place(conn, broker):
    with conn.transaction():
        conn.execute("INSERT INTO orders VALUES (7)")
    broker.publish("orders", "7", 7)


def stubborn(conn, broker):
    """Tries to survive its own death."""
    conn.execute("INSERT INTO orders VALUES (7)")
    try:
        broker.publish("orders", "7", 7)
    except Exception:
        broker.publish("orders", "7", 7)
    conn.commit()


def stored_and_told(outside):
    return lambda rows: f"{rows[0][0]} stored, {len(outside.broker.published)} told"


def lane(db, outside, work, **more):
    look = {"tables": ["orders"], "look": "SELECT count(*) FROM orders"}
    judge = stored_and_told(outside)
    return crash_everywhere(db, outside, outside.broker, work, judge=judge, **look, **more)


def test_a_process_dies_at_every_boundary(db, outside):
    found = lane(db, outside, place)
    assert found.undisturbed == "1 stored, 1 told"
    assert found.left == ("0 stored, 0 told", "0 stored, 0 told", "1 stored, 0 told", "1 stored, 1 told")
    assert "✗ 1 stored, 0 told" in repr(draw_crashes({"commit first": found}, good={"0 stored, 0 told"}))


def test_the_dead_do_nothing_more(db, outside):
    assert lane(db, outside, stubborn).left[2] == "0 stored, 1 told"


def test_what_comes_afterwards_comes_after_every_death(db, outside):
    def again(conn, broker):
        if not conn.execute("SELECT 1 FROM orders").fetchone():
            place(conn, broker)

    told = ("1 stored, 1 told",)
    assert lane(db, outside, place, after=again).left == (*told * 2, "1 stored, 0 told", *told)


def test_a_mistake_of_the_lesson_is_not_taken_for_a_death(db, outside):
    with pytest.raises(AttributeError):
        lane(db, outside, lambda conn, broker: broker.publsh())


def look_first(conn, bank, key):
    if known := conn.execute("SELECT reply FROM keys WHERE key = %s", [key]).fetchone():
        return known[0]
    reply = bank.charge(amount=1250, reference="order-7")["id"]
    conn.execute("INSERT INTO keys VALUES (%s, %s)", [key, reply])
    conn.commit()
    return reply


def test_two_calls_meet_at_the_provider_in_every_order(db, outside):
    found = pay_at_once(
        db,
        outside,
        [(look_first, "k1"), (look_first, "k1")],
        tables=["keys"],
        look="SELECT * FROM keys",
        wrong=lambda rows, run: "" if len(outside.bank.charges) == 1 else "charged twice",
    )
    right = [run for run in found.runs if not run.problem]
    assert len(right) == 2  # one after the other
    told = steps(found.counterexample, ("first", "second"))
    assert told.data["lanes"] == ["first", "second"]
    broken = told.data["steps"][told.data["broken_at"]]
    assert broken["text"].startswith("provider: charge 1250")
    assert broken["result"] == "201 ch_2"


def test_a_charge_that_is_late_is_made_after_its_sender_gave_up(outside):
    hasty = outside.client(outside.bank, timeout=0.05)
    outside.bank.script("hold")
    with pytest.raises(ProviderTimeout):
        hasty.charge(amount=5, reference="order-1")
    assert outside.bank.charged("order-1") == 0
    outside.let_go()
    assert outside.bank.charged("order-1") == 5


def test_a_queue_keeps_what_nobody_has_acknowledged(outside):
    consumer = outside.client(outside.queue)
    outside.queue.put({"id": "a"}, {"id": "b"})
    assert consumer.receive() == consumer.receive() == {"id": "a"}
    consumer.ack("a")
    assert consumer.receive() == {"id": "b"}
    outside.queue.script("cut after")
    with pytest.raises(QueueUnavailable):
        consumer.ack("b")
    assert consumer.receive() is None


def test_every_delivery_is_counted_and_the_rows_come_back(db):
    found = every_delivery(
        db,
        {
            "add": lambda conn, n: conn.execute("UPDATE shelf SET on_hand = on_hand + %s", [n]),
            "set": lambda conn, n: conn.execute("UPDATE shelf SET on_hand = %s", [n]),
        },
        [1, 2],
        tables=["shelf"],
        look="SELECT on_hand FROM shelf",
        right=lambda told: told[-1],
    )
    assert found.rows == (("add", 6, 0, 1), ("set", 6, 3, 2))
    with db.connect() as conn:
        assert conn.execute("SELECT on_hand FROM shelf").fetchone() == (50,)
