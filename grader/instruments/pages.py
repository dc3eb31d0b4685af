"""Pages of a table or a B-tree as they lie in the file, read with pageinspect; for looking, never for judging.

pageinspect insists on a superuser, so these take an admin's connection. Pages are of the running server: what a
checkpoint has not written yet is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class HeapTuple:
    """One row version. offset, length: bytes in the page. header: bytes before its first column."""

    number: int
    offset: int
    length: int
    header: int


@dataclass(frozen=True)
class HeapPage:
    """One page of a table. lower, upper: the free space lies between them, in bytes from the page's start."""

    block: int
    size: int
    lower: int
    upper: int
    tuples: tuple[HeapTuple, ...]

    @property
    def free(self) -> int:
        return self.upper - self.lower


@dataclass(frozen=True)
class Entry:
    """One entry of a B-tree page: its key (None: lower than any) and where it leads.

    block: the page below, or of the table if the entry is in a leaf; then `row` is the line pointer there.
    """

    key: int | None
    block: int
    row: int


@dataclass(frozen=True)
class BtreePage:
    """One page of a B-tree on one bigint column. level: 0 for a leaf. chosen: the entry a descent follows."""

    block: int
    level: int
    entries: tuple[Entry, ...]
    chosen: int


def heap_page(admin: Connection, table: str, block: int) -> HeapPage:
    """A page of a table. table: as written in SQL, schema included. Raises psycopg.Error if there is none."""
    with admin.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT lower, upper, pagesize FROM page_header(get_raw_page(%s, %s))", [table, block])
        lower, upper, size = cursor.fetchone() or (0, 0, 0)
        cursor.execute(
            "SELECT lp, lp_off, lp_len, t_hoff FROM heap_page_items(get_raw_page(%s, %s)) WHERE lp_flags = 1 ORDER BY lp",
            [table, block],
        )
        return HeapPage(block, size, lower, upper, tuple(HeapTuple(*row) for row in cursor.fetchall()))


def descent(admin: Connection, index: str, key: int) -> list[BtreePage]:
    """The pages a look-up of `key` visits, root first. index: a B-tree whose only column is a bigint."""
    ((block,),) = admin.execute("SELECT root FROM bt_metap(%s)", [index]).fetchall()
    path: list[BtreePage] = []
    while True:
        page = _btree_page(admin, index, block, key)
        path.append(page)
        if page.level == 0:
            return path
        block = page.entries[page.chosen].block


def _btree_page(admin: Connection, index: str, block: int, key: int) -> BtreePage:
    with admin.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT btpo_level, btpo_next FROM bt_page_stats(%s, %s)", [index, block])
        level, following = cursor.fetchone() or (0, 0)
        cursor.execute(
            "SELECT data, (ctid::text::point)[0]::int, (ctid::text::point)[1]::int FROM bt_page_items(%s, %s) "
            "ORDER BY itemoffset",
            [index, block],
        )
        rows = cursor.fetchall()
    if following:  # every page but the last of its level begins with a bound on what may follow to its right
        rows = rows[1:]
    entries = tuple(Entry(_bigint(data), target, row) for data, target, row in rows)
    below = [n for n, entry in enumerate(entries) if entry.key is None or entry.key <= key]
    return BtreePage(block, level, entries, below[-1] if below else 0)


def _bigint(data: str) -> int | None:
    """The key as pageinspect prints it, bytes in hexadecimal; little endian on every machine the wheels are for."""
    return int.from_bytes(bytes.fromhex(data), "little", signed=True) if data.strip() else None
