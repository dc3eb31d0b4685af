"""The versions of a table's rows, read from its first page with pageinspect (superuser only)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

_ITEMS = """
with now as (select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric as next),
item as (
    select lp, t_xmin::text::int8 as xmin, t_xmax::text::int8 as xmax, trim(t_ctid::text, '()') as next_place,
           t_infomask as mask, t_attrs as attrs
    from heap_page_item_attrs(get_raw_page(%(table)s, 0), %(table)s::regclass) where t_xmin is not null
)
select lp, xmin, xmax, next_place, mask, attrs,
       pg_catalog.pg_xact_status((xmin + floor(next / 4294967296) * 4294967296)::text::xid8),
       case when xmax > 0
            then pg_catalog.pg_xact_status((xmax + floor(next / 4294967296) * 4294967296)::text::xid8) end
from item, now order by lp
"""
_COLUMNS = """
select attname, atttypid::regtype::text from pg_catalog.pg_attribute
where attrelid = %s::regclass and attnum > 0 order by attnum
"""
_LOCK_ONLY = 0x0080  # xmax locked the row and did not change it


def row_versions(
    connection: psycopg.Connection[Any], table: str, names: Mapping[int, str], show: str
) -> list[dict[str, str]]:
    """The versions on the table's first page, as `grader.show.row_versions` draws them.

    names: who owns which transaction id; ids not in it get the name "the set-up". show: the integer column to
    show. Raises ValueError for a column that is not an integer.
    """
    columns = connection.execute(_COLUMNS, [table]).fetchall()
    at = next(
        (i for i, (name, kind) in enumerate(columns) if name == show and kind in ("integer", "bigint")), None
    )
    if at is None:
        raise ValueError(f"{table}.{show} is not an integer column")
    found = []
    for lp, xmin, xmax, following, mask, attrs, made, ended in connection.execute(_ITEMS, {"table": table}):
        ends = bool(xmax) and not mask & _LOCK_ONLY
        place = f"0,{lp}"
        found.append(
            {
                "place": place,
                "values": f"{show} = {int.from_bytes(attrs[at], 'little', signed=True)}",
                "maker": names.get(xmin, "the set-up"),
                "made": made or "committed",
                "ender": names.get(xmax, "the set-up") if ends else "",
                "ended": (ended or "committed") if ends else "",
                "next": "" if following == place or not ends else following,
            }
        )
    return found
