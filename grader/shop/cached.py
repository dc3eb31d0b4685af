"""The shop's reader of cached products: what lab 11 updates prices beside.

An entry is JSON under `product:<id>`. Whoever misses puts a marker of its own there, asks the database, and fills only
if the marker still stands: a deletion or a newer entry meanwhile means that what was read may be old. This is the
lease of Nishtala and others, "Scaling Memcache at Facebook", NSDI 2013.
"""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

LIFETIME = 300  # seconds an entry lives
LEASE = 10  # seconds a marker lives, whatever becomes of whoever put it there
_MARK = b"filling:"
_FIELDS = ("id", "name", "price")
_LOOK = "SELECT name, price FROM products WHERE id = %(product)s"
_FILL = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 1"


def entry_key(product_id: int) -> str:
    """The name of a product's entry."""
    return f"product:{product_id}"


def encode_entry(product_id: int, name: str, price: Decimal) -> str:
    """An entry as `read_product` understands it."""
    return json.dumps({"id": product_id, "name": name, "price": str(price)})


def read_product(conn: Any, redis: Any, product_id: int) -> dict[str, Any] | None:
    """{"id", "name", "price": Decimal} from the cache, or from the database and then into the cache."""
    key = entry_key(product_id)
    found = redis.get(key)
    if found is not None and not found.startswith(_MARK):
        return _decode(found)
    marker = _MARK.decode() + uuid.uuid4().hex
    mine = found is None and redis.set(key, marker, nx=True, ex=LEASE)
    rows = conn.execute(_LOOK, {"product": product_id}).fetchall()
    conn.rollback()
    for name, price in rows:
        if mine:
            redis.eval(_FILL, 1, key, marker, encode_entry(product_id, name, price), LIFETIME)
        return dict(zip(_FIELDS, (product_id, name, price), strict=True))
    return None


def _decode(entry: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(entry)
    fields["price"] = Decimal(fields["price"])
    return fields
