"""A lesson's races over Postgres and Redis: every order, every death, and both wires counted."""

from __future__ import annotations

import pytest

from grader.notebook.races import race, race_crash, still
from grader.notebook.scratch import Scratch
from grader.notebook.wires import Wires

pytestmark = pytest.mark.server
PRICE = "SELECT price FROM prices"
SETUP = "CREATE TABLE prices (price int NOT NULL); INSERT INTO prices VALUES (10);"


@pytest.fixture
def shop(services, request):
    scratch = Scratch(f"test_races_{request.node.name[:12]}", SETUP)
    wires = Wires(scratch)
    yield scratch, wires
    wires.close()
    scratch.drop()


def read(conn, redis):
    if redis.get("price") is None:
        redis.set("price", conn.execute(PRICE).fetchone()[0])


def write(conn, redis, price):
    conn.execute("UPDATE prices SET price = %s", [price])
    redis.delete("price")


def look(conn, redis):
    return conn.execute(PRICE).fetchone()[0], redis.get("price")


def stale(state):
    return "" if state[1] in (None, str(state[0])) else f"row {state[0]}, entry {state[1]}"


def test_the_late_fill_is_the_one_bad_order(shop):
    scratch, wires = shop
    found = race(scratch, wires.url, [(read,), (write, 12)], tables=["prices"], look=look, wrong=stale)
    assert (len(found.runs), len(found.failures)) == (10, 1)
    assert found.coverage.complete
    told = still(found.counterexample, names=("reader", "writer")).text
    assert "T1" not in told
    assert told.index("Redis: GET price") < told.index("UPDATE prices") < told.index("Redis: SET price 10")
    assert wires.conn.execute(PRICE).fetchone() == (10,), "the rows are as before"


def test_a_death_between_the_servers_leaves_the_old_entry(shop, caplog):
    scratch, wires = shop
    found = race_crash(
        scratch,
        wires.url,
        (write, 12),
        tables=["prices"],
        before=lambda conn, redis: redis.set("price", 10),
        look=look,
        wrong=stale,
    )
    assert [run.state for run in found.runs if run.problem] == [(12, "10")]
    assert not caplog.records


def test_wires_count_both_servers_and_time_is_virtual(shop):
    _, wires = shop
    with wires.counted() as count:
        read(wires.conn, wires.redis)
        read(wires.conn, wires.redis)
    assert count.statements == [PRICE]
    assert [c.split()[0] for c in count.commands] == ["GET", "SET", "GET"]
    wires.redis.set("soon", "x", ex=60)
    assert wires.keys() == {"price": None, "soon": 60.0}
    wires.clock.advance(61)
    assert list(wires.keys()) == ["price"]
    with wires.counted() as count, wires.hanging(), pytest.raises(Exception, match=r"[Tt]imeout"):
        wires.client("hasty", socket_timeout=0.5).get("price")
    assert count.commands == ["GET price"]
    assert wires.redis.get("price") == "10"
