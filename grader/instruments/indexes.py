"""The indexes of a database, as data: what each covers, what it weighs, and which are redundant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import tuple_row

Connection = psycopg.Connection[Any]

_OPTION_REVERSED = 3  # pg_index.indoption: 1 = DESC, 2 = NULLS FIRST; reading backwards flips both


@dataclass(frozen=True)
class Index:
    """One index.

    key, include: column names or expressions as the server prints them. bytes: size of its main fork.
    """

    name: str
    table: str
    schema: str
    method: str  # "btree", "hash", "gin", "gist", "brin", ...
    definition: str
    key: tuple[str, ...]
    include: tuple[str, ...] = ()
    predicate: str = ""
    unique: bool = False
    primary: bool = False
    constraint: str = ""  # the constraint that owns it: PRIMARY KEY, UNIQUE, EXCLUDE
    valid: bool = True
    expressions: bool = False
    bytes: int = 0
    traits: tuple[tuple[int, int], ...] = field(default=(), repr=False)  # operator class and collation a key
    options: tuple[int, ...] = field(default=(), repr=False)

    @property
    def partial(self) -> bool:
        return bool(self.predicate)

    def served_by(self, wider: Index) -> bool:
        """True if `wider` answers every search this index does: same table and rows, this key its prefix.

        Only B-trees have prefixes, and a unique index is served by none but its twin, for it forbids as well.
        """
        size = len(self.key)
        if (self.schema, self.table, self.method, self.predicate) != (
            wider.schema,
            wider.table,
            wider.method,
            wider.predicate,
        ):
            return False
        if self.method != "btree" and self.key != wider.key:
            return False
        if self.unique and not (wider.unique and wider.key == self.key):
            return False
        same_way = wider.options[:size] == self.options
        backwards = tuple(o ^ _OPTION_REVERSED for o in wider.options[:size]) == self.options
        return (
            wider.valid
            and wider.key[:size] == self.key
            and wider.traits[:size] == self.traits
            and (same_way or backwards)
            and set(self.include) <= {*wider.key, *wider.include}
        )


_INVENTORY = """
SELECT i.relname, t.relname, n.nspname, a.amname, pg_catalog.pg_get_indexdef(x.indexrelid),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k, true)
               FROM pg_catalog.generate_series(1, x.indnkeyatts::pg_catalog.int4) AS k),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k, true)
               FROM pg_catalog.generate_series(x.indnkeyatts OPERATOR(pg_catalog.+) 1, x.indnatts::pg_catalog.int4) AS k),
       pg_catalog.pg_get_expr(x.indpred, x.indrelid, true), x.indisunique, x.indisprimary,
       (SELECT c.conname FROM pg_catalog.pg_constraint c
         WHERE c.conindid OPERATOR(pg_catalog.=) x.indexrelid
           AND c.contype OPERATOR(pg_catalog.=) ANY ('{p,u,x}'::pg_catalog."char"[]) LIMIT 1),
       x.indisvalid AND x.indisready, x.indexprs IS NOT NULL, pg_catalog.pg_relation_size(x.indexrelid),
       x.indclass::pg_catalog.oid[]::pg_catalog.int8[], x.indcollation::pg_catalog.oid[]::pg_catalog.int8[],
       x.indoption::pg_catalog.int2[]
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
  JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) i.relam
 WHERE n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,pg_toast,information_schema}'::pg_catalog.name[])
 ORDER BY n.nspname, t.relname, i.relname
"""


def index_inventory(connection: Connection, table: str = "") -> list[Index]:
    """Every index outside the system's schemas, or those of one table, ordered by table and name."""
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_INVENTORY).fetchall()
    found = [_index(row) for row in rows]
    return [index for index in found if not table or index.table == table]


def _index(row: tuple[Any, ...]) -> Index:
    key = tuple(row[5])
    return Index(
        name=row[0],
        table=row[1],
        schema=row[2],
        method=row[3],
        definition=row[4],
        key=key,
        include=tuple(row[6]),
        predicate=row[7] or "",
        unique=row[8],
        primary=row[9],
        constraint=row[10] or "",
        valid=row[11],
        expressions=row[12],
        bytes=row[13],
        traits=tuple(zip(row[14], row[15], strict=True))[: len(key)],
        options=tuple(row[16])[: len(key)],
    )


def index_sizes(connection: Connection) -> dict[str, int]:
    """Bytes of each index by name (the main fork, which is what scans read)."""
    return {index.name: index.bytes for index in index_inventory(connection)}


def redundant(indexes: Iterable[Index]) -> list[tuple[Index, Index]]:
    """Pairs (superfluous, the one that serves in its place). Of two equals the later by name is superfluous.

    An index that a constraint owns is never called superfluous: it is there to forbid.
    """
    indexes = list(indexes)
    pairs = []
    for narrow in indexes:
        for wide in indexes:
            if narrow is wide or narrow.constraint or not narrow.served_by(wide):
                continue
            twins = wide.served_by(narrow) and not wide.constraint
            if not twins or narrow.name > wide.name:
                pairs.append((narrow, wide))
                break
    return pairs
