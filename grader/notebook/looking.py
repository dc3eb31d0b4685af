"""What a lesson looks at from outside its sessions: versions of a row, the queue for a lock."""

from __future__ import annotations

import psycopg

from grader.notebook import sessions
from grader.notebook.picture import Picture
from grader.notebook.scratch import Scratch

_WRITERS = """
select backend_xid::text::int8, application_name from pg_catalog.pg_stat_activity
where datname = current_database() and backend_xid is not null
"""


class RowWatch:
    """Draws the versions of a small table's rows; whoever writes while it looks is known by name afterwards.

    show: the integer column to show. Sessions are those of `%%session` cells.
    """

    def __init__(self, scratch: Scratch, table: str, show: str) -> None:
        self.scratch, self.table, self.show = scratch, table, show
        self.names: dict[int, str] = {}

    def look(self, *readers: str) -> Picture | None:
        """The versions now, and which of them each of the named sessions reads.

        On a server that does not let us look into pages, None, with the reason printed.
        """
        from grader.instruments.row_versions import row_versions
        from grader.show.row_versions import row_versions_svg, row_versions_text

        with self.scratch.connect("admin") as admin:
            for xid, name in admin.execute(_WRITERS).fetchall():
                self.names[xid] = name.removeprefix("session ")
            try:
                found = row_versions(admin, self.table, self.names, self.show)
            except (psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege) as error:
                print(f"This server does not show its pages ({error.diag.message_primary}).")
                return None
        seen = {r: self._place(r) for r in readers}
        return Picture(row_versions_svg(found, seen), row_versions_text(found, seen))

    def _place(self, reader: str) -> str:
        rows = sessions.ask(reader, f"SELECT ctid::text FROM {self.table}")
        return str(rows[0][0]).strip("()") if rows else ""


def draw_queue(scratch: Scratch) -> Picture:
    """Who waits for whom in the lesson's database now."""
    from grader.instruments.lock_queue import lock_queue
    from grader.show.lock_queue import lock_queue_svg, lock_queue_text

    with scratch.connect("admin") as admin:
        found = lock_queue(admin)
    return Picture(lock_queue_svg(found), lock_queue_text(found))


def draw_grid(scratch: Scratch) -> Picture:
    """Every anomaly against every level, measured on the running server."""
    from grader.instruments.anomalies import ANOMALIES, measure
    from grader.show.anomaly_grid import anomaly_grid_svg, anomaly_grid_text

    grid = measure(scratch.url(), scratch.url("admin"))
    titles = {a.name: a.title for a in ANOMALIES}
    caption = f"Measured on PostgreSQL {scratch.server.major}, one telling schedule a cell."
    meanings = {a.name: a.meaning for a in ANOMALIES}
    return Picture(anomaly_grid_svg(grid, titles, meanings, caption), anomaly_grid_text(grid, titles))
