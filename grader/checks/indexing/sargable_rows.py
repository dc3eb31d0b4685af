"""The rows among which `sargable` is tried: ends of days, phones that are missing, SKUs full of wildcards."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from grader.checks.running import Database

INDEXES = ("CREATE INDEX ON orders (placed_at)", "CREATE INDEX ON customers (phone)")


def make_difficult(database: Database, days: list[date]) -> None:
    """Rows at the edges: local and UTC midnights, phones that are empty or missing, SKUs full of wildcards."""
    for definition in INDEXES:
        database.execute(definition)
    for day in days:
        for edge in (day, day + timedelta(1)):
            for zone in ("Europe/Paris", "UTC", "America/New_York"):
                for offset in ("0", "-1 microsecond", "-30 minutes", "30 minutes"):
                    database.execute(
                        "INSERT INTO orders (id, customer_id, placed_at, currency, total, shipping_country, shipping_city, "
                        "shipping_postcode) SELECT (SELECT max(id) FROM orders) + 1, 1, "
                        "(%s::date::timestamp AT TIME ZONE %s) + %s::interval, 'EUR', 1, 'FR', 'Lyon', '10001'",
                        edge,
                        zone,
                        offset,
                    )
    database.execute(
        "INSERT INTO customers (id, email, name, phone, country, city, postcode) SELECT 10000000 + n, n || '@odd.example', "
        "'Odd', phone, 'FR', 'Lyon', '10001' FROM unnest(ARRAY['', NULL, ' ', 'NULL', '''']) WITH ORDINALITY AS t(phone, n)"
    )
    skus = [
        "100%-COTTON",
        "100X-COTTON",
        "A_B-1",
        "AXB-1",
        "back\\slash",
        "O'NEIL-1",
        "KIT-é1",
        "KIT-\U0010fffe1",
    ]
    skus += [
        "KIT-00012~",
        "KIT-00012é",
        "KIT-00012",
        "KIT-00013",
        "%",
        "kit-0001200",
        "KIT-00012zzzzzzzzzz",
        "KIT-00012\U0001f381",
    ]
    database.execute(
        "INSERT INTO products (id, sku, name, category, brand, price) SELECT 10000000 + n, sku, 'Odd', 'kitchen', 'Wick', 1 "
        "FROM unnest(%s::text[]) WITH ORDINALITY AS t(sku, n)",
        skus,
    )
    database.execute("ANALYZE orders (placed_at), customers (phone), products (sku)")


def phones_to_ask_for(database: Database) -> list[Any]:
    ((phone,),) = database.query(
        "SELECT phone FROM public.customers WHERE phone IS NOT NULL ORDER BY id LIMIT 1"
    )
    return [phone, "", None, " ", "NULL", "'", "+00", "%"]
