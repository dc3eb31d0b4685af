"""Plans and work figures read from a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg.rows import dict_row

from grader.instruments import work
from grader.instruments.plans import Plan, explain

Connection = psycopg.Connection[Any]

TABLES = """
CREATE TABLE product (id int PRIMARY KEY, name text);
CREATE TABLE item (id int PRIMARY KEY, product_id int REFERENCES product ON DELETE CASCADE, status text, note text);
INSERT INTO product SELECT i, 'product ' || i FROM generate_series(1, 200) i;
INSERT INTO item SELECT i, 1 + i % 200, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END, repeat('x', 50)
  FROM generate_series(1, 10000) i;
"""


@pytest.fixture
def connection(empty_database) -> Iterator[Connection]:
    with psycopg.connect(empty_database("learner"), autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("VACUUM ANALYZE product, item")
        yield connection


def rows(connection: Connection) -> int:
    return connection.execute("SELECT count(*) FROM item").fetchone()[0]


def test_explain_reads_the_tree_with_parameters_and_whatever_rows_the_connection_makes(connection):
    connection.row_factory = dict_row
    plan = explain(connection, "SELECT * FROM item WHERE id = %s", [5])
    assert plan.uses_index("item_pkey")
    assert (plan.root.actual_rows, plan.root.loops) == (1, 1)
    assert plan.settings == {}
    assert json.loads(json.dumps(dict(plan.raw)))["Plan"]["Node Type"] == "Index Scan"
    assert Plan.from_explain(plan.raw).root == plan.root


def test_a_percent_sign_needs_no_doubling_without_parameters(connection):
    assert explain(connection, "SELECT * FROM item WHERE note LIKE 'x%'").root.actual_rows == 10000


def test_nothing_is_kept_of_an_explained_write(connection):
    assert explain(connection, "DELETE FROM item").root.operation == "Delete"
    assert rows(connection) == 10000
    with pytest.raises(psycopg.errors.SyntaxError):
        explain(connection, "DELETE FROM item; COMMIT")
    assert rows(connection) == 10000
    assert connection.info.transaction_status.name == "IDLE"


def test_explaining_inside_a_transaction_leaves_it_usable(connection):
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE INDEX item_product ON item (product_id)")
        assert explain(connection, "SELECT * FROM item WHERE product_id = 7").uses_index("item_product")
        assert rows(connection) == 10000


def test_estimates_alone_run_nothing(connection):
    plan = explain(connection, "DELETE FROM item", analyze=False)
    assert not plan.analyzed and plan.pages == 0 and plan.root.plan_rows == 0


def test_pages_touched_are_the_same_every_time_and_fewer_with_an_index(connection):
    query = "SELECT * FROM item WHERE product_id = %s AND status = %s"
    scan = work.pages_touched(connection, query, [7, "open"])
    assert scan == work.pages_touched(connection, query, [7, "open"])
    connection.execute("CREATE INDEX item_product ON item (product_id, status)")
    assert work.pages_touched(connection, query, [7, "open"]) < scan / 10


def test_a_foreign_key_without_an_index_reads_the_whole_child_table(connection):
    connection.execute("INSERT INTO product VALUES (999, 'never sold')")
    deletion = "DELETE FROM product WHERE id = 999"
    heap = connection.execute("SELECT pg_relation_size('item') / 8192").fetchone()[0]
    assert work.pages_by_relation(connection, deletion)["item"] >= heap
    assert work.pages_touched(connection, deletion) < 20  # the plan alone tells nothing of this
    connection.execute("CREATE INDEX item_product ON item (product_id)")
    indexed = work.pages_by_relation(connection, deletion)
    assert "item" not in indexed and indexed["item_product"] <= 3
    assert connection.execute("SELECT count(*) FROM product").fetchone() == (201,)


def test_pages_by_relation_agrees_with_the_plan_of_a_read(connection):
    query = "SELECT count(*) FROM item WHERE status = 'open'"
    assert sum(work.pages_by_relation(connection, query).values()) == work.pages_touched(connection, query)


def test_wal_of_a_write_is_counted_for_this_session_and_grows_with_each_index(connection):
    inserts = [
        ("INSERT INTO item VALUES (%s, %s, 'open', 'x')", [20000 + i, 1 + i % 200]) for i in range(100)
    ]
    bare = work.wal_per_write(connection, inserts)
    again = work.wal_per_write(connection, inserts)
    assert bare.full_pages == again.full_pages == 0
    assert abs(bare.bytes - again.bytes) <= 0.05 * bare.bytes
    assert abs(bare.records - again.records) <= 0.05 * bare.records
    connection.execute("CREATE INDEX item_product ON item (product_id)")
    indexed = work.wal_per_write(connection, inserts)
    assert indexed.records_each >= bare.records_each + 0.9
    assert indexed.bytes > 1.2 * bare.bytes
    assert rows(connection) == 10000


class WithCheckpoint(list):
    """Statements; the second time they are run a checkpoint comes right before."""

    def __init__(self, statements, url):
        super().__init__(statements)
        self.url, self.runs = url, 0

    def __iter__(self):
        self.runs += 1
        if self.runs == 2:
            with psycopg.connect(self.url, autocommit=True) as admin:
                admin.execute("CHECKPOINT")
        return super().__iter__()


def test_a_checkpoint_in_between_does_not_show(connection, services):
    inserts = [
        ("INSERT INTO item VALUES (%s, %s, 'open', 'x')", [20000 + i, 1 + i % 200]) for i in range(100)
    ]
    quiet = work.wal_per_write(connection, inserts)
    disturbed = WithCheckpoint(inserts, services.judge_postgres.url())
    assert abs(work.wal_per_write(connection, disturbed).records - quiet.records) <= 0.05 * quiet.records
    assert disturbed.runs > 2


def test_wal_of_a_cascade_is_counted(connection):
    alone = work.wal_per_write(connection, ["DELETE FROM item WHERE id = 7"])
    cascade = work.wal_per_write(connection, ["DELETE FROM product WHERE id = 7"])
    assert cascade.records >= 50 and alone.records < 10


def test_wal_refuses_what_it_cannot_measure(connection):
    with pytest.raises(ValueError, match="at least one statement"):
        work.wal_per_write(connection, [])
    with connection.transaction(), pytest.raises(ValueError, match="end the connection's transaction"):
        work.wal_per_write(connection, ["DELETE FROM item WHERE id = 7"])


def test_the_inventory_names_keys_predicates_and_what_is_redundant(connection):
    connection.execute("""
        CREATE INDEX narrow ON item (product_id);
        CREATE INDEX wide ON item (product_id, status DESC) INCLUDE (note);
        CREATE INDEX backwards ON item (product_id DESC);
        CREATE INDEX other_order ON item (status, product_id);
        CREATE INDEX open_only ON item (product_id) WHERE status = 'open';
        CREATE INDEX by_name ON item (lower(note));
        CREATE UNIQUE INDEX one_each ON item (product_id, id);
        CREATE INDEX hashed ON item USING hash (product_id);
        CREATE INDEX plain_id ON item (id);
    """)
    found = {index.name: index for index in work.index_inventory(connection, "item")}
    assert (found["wide"].key, found["wide"].include) == (("product_id", "status"), ("note",))
    assert found["open_only"].partial and "open" in found["open_only"].predicate
    assert found["by_name"].expressions and found["by_name"].key == ("lower(note)",)
    assert found["item_pkey"].primary and found["item_pkey"].constraint == "item_pkey"
    assert found["one_each"].unique and not found["one_each"].constraint
    pairs = {(narrow.name, wide.name) for narrow, wide in work.redundant(found.values())}
    assert {narrow for narrow, _ in pairs} == {"narrow", "backwards", "plain_id"}
    assert ("plain_id", "item_pkey") in pairs
    sizes = work.index_sizes(connection)
    assert sizes["open_only"] < 0.25 * sizes["narrow"]


def test_the_judge_reads_the_same_without_rights_to_change(connection, empty_database):
    with psycopg.connect(empty_database("judge")) as judge:
        names = {index.name for index in work.index_inventory(judge)}
        assert names == {"item_pkey", "product_pkey"}
        assert work.pages_touched(judge, "SELECT count(*) FROM public.item") > 50
        assert set(work.pages_by_relation(judge, "SELECT count(*) FROM public.item")) == {"item"}


def test_an_operator_planted_by_the_learner_is_not_called(connection, empty_database):
    connection.execute("""
        CREATE FUNCTION public.lie(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.lie);
        CREATE FUNCTION public.pg_relation_size(oid) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
        SET search_path = public, pg_catalog;
    """)
    sizes = work.index_sizes(connection)
    assert sizes["item_pkey"] > 0
    assert set(work.pages_by_relation(connection, "SELECT count(*) FROM item")) == {"item"}


@pytest.mark.parametrize(
    ("small", "large", "scale", "kind"),
    [
        (3, 4, 10, "constant"),
        (1, 3, 10, "constant"),
        (20, 24, 10, "constant"),
        (60, 100, 10, "logarithmic"),
        (100, 330, 10, "sublinear"),
        (150, 1500, 10, "linear"),
        (0, 100, 100, "linear"),
        (10, 1000, 10, "superlinear"),
        (500, 20, 10, "constant"),
    ],
)
def test_growth_classes(small, large, scale, kind):
    assert work.growth(small, large, scale) == kind


def test_growth_is_ordered_and_needs_a_scale():
    assert work.Growth.LOGARITHMIC.within(work.Growth.LINEAR)
    assert not work.Growth.LINEAR.within(work.Growth.LOGARITHMIC)
    with pytest.raises(ValueError, match="shows no growth"):
        work.growth(1, 2, 1)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("parquet") / "orders.parquet"
    with duckdb.connect() as db:
        db.execute(
            "COPY (SELECT i AS id, i % 100 AS customer_id, md5(i::varchar) AS note FROM range(100000) t(i)) "
            f"TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 10000)"
        )
    return str(file)


def test_a_column_store_reads_the_columns_and_row_groups_it_needs(parquet):
    with duckdb.connect() as db:
        threads = db.execute("SELECT current_setting('threads')").fetchone()
        everything = work.duckdb_bytes_scanned(db, f"SELECT * FROM '{parquet}'")
        column = work.duckdb_bytes_scanned(db, f"SELECT sum(customer_id) FROM '{parquet}'")
        few = work.duckdb_bytes_scanned(db, f"SELECT * FROM '{parquet}' WHERE id < ?", [5000])
        footer = work.duckdb_bytes_scanned(db, f"SELECT count(*) FROM '{parquet}'")
        assert column == work.duckdb_bytes_scanned(db, f"SELECT sum(customer_id) FROM '{parquet}'")
        assert db.execute("SELECT current_setting('threads')").fetchone() == threads
        with pytest.raises(duckdb.Error):
            work.duckdb_bytes_scanned(db, "SELECT nothing_of_the_kind")
    assert column.columns == ("customer_id",)
    assert column.bytes_read < everything.bytes_read / 10
    assert few.bytes_read < everything.bytes_read / 5
    assert (few.row_groups, few.row_groups_total) == (1, 10)
    assert footer.bytes_read == 0
