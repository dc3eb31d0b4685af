"""Templates and copies on a real server."""

import subprocess
import sys
import uuid

import psycopg
import pytest

from grader import services as servers
from grader import shop
from grader.shop.generate import TABLES

# Prints its progress and kills itself, without a chance to clean up, when it reports the step it is given.
BUILDER = """
import os, signal, sys
from grader import shop

url, last_words = sys.argv[1:]

class Server:
    def url(self, database="postgres", role="admin"):
        return url.replace("/postgres?", f"/{database}?")

def progress(message, fraction):
    print(message, flush=True)
    if message.endswith(last_words):
        os.kill(os.getpid(), signal.SIGKILL)

shop.ensure_template(Server(), "shop_small", progress)
"""

DIGEST = "SELECT md5(string_agg(t::text, '|' ORDER BY ctid)) FROM {} t"


def one(url: str, query: str):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def content(url: str) -> dict[str, str]:
    """A digest of each table's rows, in the order they lie in the heap, and of all constraints."""
    found = {table: one(url, DIGEST.format(table)) for table in TABLES}
    found["constraints"] = one(
        url,
        "SELECT string_agg(d, '|' ORDER BY d) FROM (SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) AS d"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND convalidated) c",
    )
    return found


@pytest.fixture
def copy(postgres, fresh_database):
    return postgres.url(fresh_database, "learner")


def test_template_is_made_once(postgres):
    shop.ensure_template(postgres, "shop_small")
    said = []
    shop.ensure_template(postgres, "shop_small", lambda message, fraction: said.append(message))
    assert said == []


def test_template_cannot_be_entered(postgres):
    shop.ensure_template(postgres, "shop_small")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(postgres.url(shop.TEMPLATES["shop_small"].database))


def test_unknown_template_is_named_with_those_there_are(postgres):
    with pytest.raises(ValueError, match="no template 'shop_huge'; choose one of empty, shop_small"):
        shop.clone(postgres, "shop_huge", "x")


def test_all_objects_belong_to_the_learner(copy):
    owners = (
        "SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')"
    )
    assert one(copy, owners) == "learner"
    with psycopg.connect(copy) as connection:  # and so the learner may do all this
        connection.execute("CREATE INDEX ON orders (customer_id)")
        connection.execute("ANALYZE orders")
        connection.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
        connection.execute("CREATE TABLE mine (id int)")


def test_only_primary_keys_and_the_sku_are_indexed(copy):
    with psycopg.connect(copy) as connection:
        found = connection.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'").fetchall()
    assert {name for (name,) in found} == {*(f"{t}_pkey" for t in TABLES), "products_sku_key"}


def test_references_are_there_and_validated(copy):
    assert (
        one(copy, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND conenforced")
        == 5
    )


def test_nothing_of_the_building_is_left(copy):
    assert one(copy, "SELECT to_regnamespace('building') IS NULL")


def test_index_only_scans_need_no_heap_fetch(copy):
    with psycopg.connect(copy) as connection:
        connection.execute("SET enable_seqscan = off")
        [(explained,)] = connection.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM orders WHERE id < 500"
        ).fetchall()
    plan = explained[0]["Plan"]
    assert (plan["Node Type"], plan["Heap Fetches"]) == ("Index Only Scan", 0)


def test_statistics_know_every_row(copy):
    with psycopg.connect(copy) as connection:
        for table in TABLES:
            estimate = (
                "SELECT reltuples::bigint, relallvisible = relpages FROM pg_class WHERE oid = %s::regclass"
            )
            actual = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert connection.execute(estimate, [table]).fetchone() == (actual, True)


def test_new_rows_continue_the_numbers(copy):
    with psycopg.connect(copy) as connection:
        made = connection.execute(
            "INSERT INTO orders (customer_id, currency, total, shipping_country, shipping_city, shipping_postcode)"
            " VALUES (1, 'EUR', 1, 'FR', 'Lyon', '10001') RETURNING id, status"
        ).fetchone()
    assert made == (10_001, "pending")


def test_overdraft_and_negative_stock_are_possible(copy):
    """The labs need a wrong answer to be able to do harm."""
    with psycopg.connect(copy) as connection:
        connection.execute("UPDATE accounts SET balance = -1 WHERE id = 1")
        connection.execute("UPDATE inventory SET on_hand = -1 WHERE product_id = 1")


def test_two_copies_are_equal_and_independent(postgres, copy):
    name = f"test_{uuid.uuid4().hex[:12]}"
    other = shop.clone(postgres, "shop_small", name)
    try:
        assert content(other) == content(copy)
        with psycopg.connect(other) as connection:
            connection.execute("DELETE FROM payments")
        assert one(copy, "SELECT count(*) FROM payments") > 9_000
        again = shop.clone(postgres, "shop_small", name)  # takes the place of the changed one
        assert content(again) == content(copy)
    finally:
        shop.drop(postgres, name)


def test_drop_ends_open_sessions_and_forgives_a_missing_database(postgres):
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = psycopg.connect(shop.clone(postgres, "empty", name))
    connection.execute("SELECT 1")
    shop.drop(postgres, name)
    shop.drop(postgres, name)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_empty_has_extensions_and_no_tables(postgres):
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = shop.clone(postgres, "empty", name)
    try:
        assert one(url, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND oid >= 16384") == 0
        assert (
            one(
                url,
                "SELECT count(*) FROM pg_extension WHERE extname IN ('pageinspect', 'pg_visibility', 'pgstattuple')",
            )
            == 3
        )
        assert one(url, "SHOW TimeZone") == "UTC"
    finally:
        shop.drop(postgres, name)


def test_learner_may_look_at_pages_but_not_reach_further(copy):
    with psycopg.connect(copy, autocommit=True) as connection:
        assert connection.execute("SELECT (pgstattuple('orders')).tuple_count").fetchone() == (10_000,)
        assert connection.execute(
            "SELECT all_visible > 0 FROM pg_visibility_map_summary('orders')"
        ).fetchone() == (True,)
        connection.execute("SELECT count(*) FROM pg_buffercache")
        for beyond in (
            "SELECT pg_stat_statements_reset()",
            "SELECT pg_truncate_visibility_map('orders')",
            "SELECT pg_buffercache_evict(1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(beyond)


def test_create_fills_an_empty_database_once(empty_database):
    url = empty_database("admin")
    said = []
    shop.create(url, orders=500, progress=lambda message, fraction: said.append(fraction))
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert one(url, "SELECT count(*) FROM orders") == 500
    assert one(url, "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == "learner"
    with pytest.raises(ValueError, match="holds a table orders already"):
        shop.create(url, orders=500)


def test_the_learners_own_shop_is_never_replaced(postgres):
    """Whatever stands under the name: it may hold work."""
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE shop_medium OWNER learner")
    try:
        shop.ensure_shop(postgres, "shop_medium")
        assert one(postgres.url("shop_medium"), "SELECT to_regclass('public.orders') IS NULL")
    finally:
        shop.drop(postgres, "shop_medium")


@pytest.fixture
def server():
    with servers.throwaway_postgres() as running:
        yield running


def build(server, last_words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BUILDER, server.url("postgres", "admin"), last_words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_killed_anywhere_and_run_again_ends_right(server, copy):
    """Each run is killed within a later step than the one before; the last one comes through."""
    points = [
        "copy order_items",
        "copy accounts",
        "keys orders",
        "statistics",
        "references orders",
        "Shop ready",
    ]
    for point in points:
        assert build(server, point).returncode == -9, f"never came to {point}"
        with psycopg.connect(server.url()) as connection:
            there = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE 'template\\_shop%'"
            ).fetchall()
        assert there == [
            ("template_shop_small__building",)
        ]  # half a template never has the name of a whole one
    last = build(server, "nothing")
    assert (last.returncode, last.stdout) == (0, "")  # nothing was left to do but the renaming
    assert content(shop.clone(server, "shop_small", "again")) == content(copy)


def test_work_done_before_a_kill_is_kept(server):
    assert build(server, "keys customers").returncode == -9
    again = build(server, "nothing")
    assert again.returncode == 0
    assert "copy" not in again.stdout


def test_killed_server_is_no_end_either(server, copy):
    def pull_the_plug(message: str, fraction: float) -> None:
        if message.endswith("copy payments"):
            server.kill()

    with pytest.raises(psycopg.OperationalError):
        shop.ensure_template(server, "shop_small", pull_the_plug)
    server.restart()
    shop.ensure_template(server, "shop_small")
    assert content(shop.clone(server, "shop_small", "again")) == content(copy)


def test_template_of_another_version_is_made_again(server):
    shop.ensure_template(server, "empty")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("COMMENT ON DATABASE template_empty IS 'made by another version'")
        [before] = admin.execute("SELECT oid FROM pg_database WHERE datname = 'template_empty'").fetchone()
        shop.ensure_template(server, "empty")
        [after] = admin.execute("SELECT oid FROM pg_database WHERE datname = 'template_empty'").fetchone()
    assert after != before


def test_several_processes_may_ask_at_once(server):
    command = [sys.executable, "-c", BUILDER, server.url("postgres", "admin"), "nothing"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sorted(map(bool, said)) == [False, False, True]  # one made it, the others waited
