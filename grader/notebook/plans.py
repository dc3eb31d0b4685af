"""`explain(sql)`: the plan of one statement, run for real and rolled back."""

from __future__ import annotations

from typing import Any

from grader.instruments import statements
from grader.notebook import servers


def explain(
    sql: str, *, analyze: bool = True, settings: dict[str, str] | None = None, conn: Any = None
) -> Any:
    """Runs EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) on the lab's connection, or on `conn`, and shows the plan.

    settings: planner settings for this statement only, such as {"enable_seqscan": "off"}.
    Whatever the statement writes is rolled back. Returns a widget whose `.plan` is the plan's own JSON; None,
    with the reason printed, when the statement cannot be explained.
    """
    from grader import show

    plan = plan_json(sql, analyze=analyze, settings=settings, conn=conn)
    return None if plan is None else show.plan_widget(plan, query=sql.strip())


def plan_json(
    sql: str, *, analyze: bool = True, settings: dict[str, str] | None = None, conn: Any = None
) -> Any | None:
    """What EXPLAIN (FORMAT JSON) returns for one statement, or None with the reason printed."""
    import psycopg

    found = statements.split(sql)
    if len(found) != 1:
        print(f"explain takes one statement; this text holds {len(found)}.")
        return None
    options = "ANALYZE, BUFFERS, FORMAT JSON" if analyze else "FORMAT JSON"
    lead = f"EXPLAIN ({options}) "
    session = conn or servers.current().conn
    try:
        with session.transaction(force_rollback=True):
            for name, value in (settings or {}).items():
                session.execute("SELECT set_config(%s, %s, true)", (name, value))
            row = session.execute(lead + found[0].text).fetchone()
    except psycopg.Error as error:
        print(_refusal(error, sql, found[0].offset - len(lead)))
        return None
    except KeyboardInterrupt:
        print("Interrupted: the statement was cancelled on the server.")
        return None
    return row[0] if row else None


def _refusal(error: Any, sql: str, offset: int) -> str:
    text = statements.error_text(error, offset=offset, cell=sql)
    if error.sqlstate == "42601":
        text += "\nEXPLAIN takes SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES or CREATE TABLE ... AS."
    return text
