"""The generated rows: the same for ever, consistent, and shaped as the lessons say."""

import hashlib
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from grader.shop import diagram_svg, write_parquet
from grader.shop.generate import TABLES, Scale, generator, sections

ORDERS = 10_000


def digests(folder: Path, orders: int, seed: int = 1, threads: int | None = None) -> dict[str, str]:
    with generator(orders, seed, threads) as shop:
        for table in TABLES:
            shop.write_text(table, folder / table)
    return {t: hashlib.sha256((folder / t).read_bytes()).hexdigest()[:16] for t in TABLES}


@pytest.fixture(scope="module")
def shop():
    with generator(ORDERS) as made:
        for table in TABLES:
            made.make(table)
        yield lambda query: made.connection.execute(query).fetchone()[0]


def test_bytes_are_those_of_every_earlier_version(tmp_path):
    """A change here changes every learner's data: make it on purpose, then write the new digests down."""
    assert digests(tmp_path, 300) == PINNED


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bytes_do_not_depend_on_threads(tmp_path, threads):
    # More rows than DuckDB gives one thread at a time (122,880), so that threads do share the work.
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    assert digests(few, 130_000, threads=threads) == digests(many, 130_000, threads=3)


def test_seed_changes_the_rows(tmp_path):
    one, two = digests(tmp_path, 300, seed=1), digests(tmp_path, 300, seed=2)
    assert all(one[t] != two[t] for t in TABLES)


@pytest.mark.parametrize("orders", [1, 19, 20, 1_000])
def test_any_scale(tmp_path, orders):
    with generator(orders) as made:
        for table in TABLES:
            made.make(table)
        [(count,)] = made.connection.execute("SELECT count(*) FROM orders").fetchall()
        [(strangers,)] = made.connection.execute(
            "SELECT count(*) FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) OR total IS NULL"
        ).fetchall()
    assert (count, strangers) == (orders, 0)


@pytest.mark.parametrize("orders", [0, -1, 10**9])
def test_impossible_scale_is_refused(orders):
    with pytest.raises(ValueError, match="1 to 100 million orders"):
        Scale(orders)


def test_counts(shop):
    assert {t: shop(f"SELECT count(*) FROM {t}") for t in ("customers", "products", "accounts", "inventory")} == {
        "customers": 1_000, "products": 200, "accounts": 100, "inventory": 200,
    }  # fmt: skip
    # ANALYZE looks at 30,000 rows: the small shop stays below, so its statistics are not a sample.
    assert 20_000 < shop("SELECT count(*) FROM order_items") < 30_000


@pytest.mark.parametrize(
    ("child", "column", "parent", "key"),
    [
        ("orders", "customer_id", "customers", "id"),
        ("order_items", "order_id", "orders", "id"),
        ("order_items", "product_id", "products", "id"),
        ("payments", "order_id", "orders", "id"),
        ("inventory", "product_id", "products", "id"),
    ],
)
def test_references_hold(shop, child, column, parent, key):
    assert shop(f"SELECT count(*) FROM {child} WHERE {column} NOT IN (SELECT {key} FROM {parent})") == 0


def test_numbers_run_from_one_without_gaps_in_the_order_they_are_written(shop):
    for table in ("customers", "products", "orders", "payments", "accounts"):
        assert (
            shop(f"SELECT count(*) FROM (SELECT id, row_number() OVER () AS n FROM {table}) WHERE id <> n")
            == 0
        )
    assert shop("SELECT count(*) - count(DISTINCT (order_id, line_no)) FROM order_items") == 0


def test_totals_are_the_sums_of_their_lines(shop):
    assert shop(
        "SELECT count(*) FROM orders o JOIN (SELECT order_id, sum(quantity * unit_price) AS s FROM order_items"
        " GROUP BY 1) i ON i.order_id = o.id WHERE o.total = i.s"
    ) == shop("SELECT count(*) FROM orders")


def test_each_paid_order_has_one_good_payment_of_its_total(shop):
    assert (
        shop(
            "SELECT count(*) FROM orders o LEFT JOIN (SELECT order_id, min(amount) AS amount, count(*) AS n FROM payments"
            " WHERE status <> 'failed' GROUP BY 1) p ON p.order_id = o.id"
            " WHERE (o.status IN ('pending', 'cancelled')) <> (p.n IS NULL) OR p.n > 1 OR p.amount <> o.total"
        )
        == 0
    )
    assert (
        shop("SELECT count(*) - count(DISTINCT provider_reference) FROM payments WHERE status <> 'failed'")
        == 0
    )
    assert 0.02 < shop("SELECT avg((status = 'failed')::INT) FROM payments") < 0.04


def test_emails_are_mixed_in_case_and_unique_without_it(shop):
    assert shop("SELECT count(*) - count(DISTINCT lower(email)) FROM customers") == 0
    assert 0.10 < shop("SELECT avg((email <> lower(email))::INT) FROM customers") < 0.20


def test_two_percent_pending_mostly_new(shop):
    assert 0.015 < shop("SELECT avg((status = 'pending')::INT) FROM orders") < 0.025
    newest = f"id > {ORDERS * 19 // 20}"
    assert shop(f"SELECT avg(({newest})::INT) FROM orders WHERE status = 'pending'") > 0.6


def test_customers_are_skewed(shop):
    best = shop("SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY customer_id)")
    assert 800 < best < 1_200
    none = shop("SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)")
    assert 5 < none < 100


def test_placed_at_follows_id_but_not_exactly(shop):
    assert shop("SELECT corr(id, epoch(placed_at)) FROM orders") > 0.999
    assert (
        shop("SELECT count(*) FROM orders a JOIN orders b ON b.id = a.id + 1 WHERE b.placed_at < a.placed_at")
        > 100
    )
    assert shop("SELECT min(placed_at) >= '2022-01-01' AND max(placed_at) < '2026-01-01' FROM orders")


@pytest.mark.parametrize(
    ("table", "cause", "effect"),
    [
        ("orders", "shipping_postcode", "shipping_city"),
        ("orders", "shipping_city", "shipping_country"),
        ("orders", "shipping_country", "currency"),
        ("customers", "postcode", "city"),
        ("customers", "city", "country"),
        ("products", "brand", "category"),
    ],
)
def test_correlated_columns(shop, table, cause, effect):
    assert (
        shop(f"SELECT max(n) FROM (SELECT count(DISTINCT {effect}) AS n FROM {table} GROUP BY {cause})") == 1
    )
    assert shop(f"SELECT count(DISTINCT {effect}) FROM {table}") > 1


@pytest.mark.parametrize(
    ("table", "column", "share"),
    [("customers", "phone", 0.3), ("orders", "note", 0.97), ("products", "discontinued_at", 0.95),
     ("inventory", "reorder_level", 0.2)],
)  # fmt: skip
def test_nulls(shop, table, column, share):
    assert abs(shop(f"SELECT avg(({column} IS NULL)::INT) FROM {table}") - share) < 0.08


def test_text_needs_no_escaping_in_copy(tmp_path):
    """COPY's text format reads backslashes; rows are written without escapes because there is nothing to escape."""
    digests(tmp_path, 5_000)
    for table in TABLES:
        lines = (tmp_path / table).read_text("utf-8").splitlines()
        assert len({line.count("\t") for line in lines}) == 1
        assert not any("\\" in line.replace(r"\N", "") or '""' in line for line in lines)


def test_names_hold_quotes_and_accents(shop):
    assert shop("SELECT count(*) FROM customers WHERE name LIKE '%''%'") > 0
    assert shop("SELECT count(*) FROM customers WHERE name <> strip_accents(name)") > 0


def test_money_has_two_places(shop):
    for table, column in (("products", "price"), ("order_items", "unit_price"), ("orders", "total")):
        assert shop(f"SELECT any_value(typeof({column})) FROM {table}").endswith(",2)")
        assert shop(f"SELECT min({column}) FROM {table}") > 0


def test_parquet_holds_the_same_rows(tmp_path, shop):
    files = write_parquet(tmp_path / "parquet", ORDERS)
    assert [f.name for f in files] == [f"{t}.parquet" for t in TABLES]
    assert sorted(p.name for p in (tmp_path / "parquet").iterdir()) == sorted(f.name for f in files)
    total, last = duckdb.execute(f"SELECT sum(total), max(placed_at) FROM '{files[2]}'").fetchone()
    assert total == shop("SELECT sum(total) FROM orders")
    assert last == shop("SELECT max(placed_at) FROM orders")
    again = write_parquet(tmp_path / "again", ORDERS)
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]


def test_diagram_shows_every_column_and_no_other():
    picture = ElementTree.fromstring(diagram_svg())
    name = "{http://www.w3.org/2000/svg}"
    shown = {}
    for box in picture.iter(f"{name}g"):
        texts = [t.text for t in box.iter(f"{name}text") if t.get("font-size") != "10"]
        shown[texts[0]] = {c.rstrip("?"): kind for c, kind in zip(texts[1::2], texts[2::2], strict=True)}
    defined = {
        table: {
            words[0]: "".join(words[1:]).split(")")[0] + ")"
            if "numeric" in words[1]
            else words[1].rstrip(",")
            for words in (
                line.split() for line in text.splitlines() if line.startswith("    ") and line[4].islower()
            )
        }
        for table, text in sections("schema.sql", "table").items()
    }
    assert shown == defined


def test_errors_are_documented_and_say_nothing_more_than_they_must():
    from grader.shop import errors

    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(found) > 10
    assert all(issubclass(e, errors.ShopError) and e.__doc__ for e in found)
    assert errors.TooManyAttempts(retry_after=3.0).retry_after == 3.0


def test_importing_the_errors_is_cheap():
    import subprocess
    import sys

    code = "import sys, grader.shop.errors; print(sorted({'duckdb', 'psycopg'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PINNED = {
    "customers": "78920624068c389d",
    "products": "a90b528906e5e4cb",
    "orders": "126d85656a53cc58",
    "order_items": "4ec58bc32839adf4",
    "payments": "fba225edfc636cef",
    "accounts": "1fe22ea8120ef1c6",
    "inventory": "440edf53999fedf2",
}
