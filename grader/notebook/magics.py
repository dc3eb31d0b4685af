"""`%%sql` and `%sql`: run statements on the lab's connection, or keep a text as an answer."""

from __future__ import annotations

from typing import Any

from grader.instruments import statements
from grader.notebook import servers
from grader.notebook.tables import SHOWN, Table


def register(shell: Any) -> None:
    """Adds the magics to an IPython shell. Idempotent."""
    from grader.notebook import sessions

    def sql(line: str, cell: str | None = None) -> Table | None:
        if cell is None:
            return run(line)
        name = line.strip()
        if not name:
            return run(cell)
        keep(shell, name, cell)
        return None

    shell.register_magic_function(sql, "line_cell", "sql")
    shell.register_magic_function(sessions.session_magic, "line_cell", "session")


def keep(shell: Any, name: str, text: str) -> None:
    """Binds the text of a `%%sql name` cell to the name, as the answer."""
    if not name.isidentifier():
        print(
            f"%%sql takes at most one name, and {name!r} is not a Python name: "
            "put the statement on the lines below it."
        )
        return
    shell.user_ns[name] = text
    count = len(statements.split(text))
    if count == 0:
        print(f"Saved as {name}: nothing but comments so far.")
        return
    print(f"Saved as {name} ({count} statement{'s' if count != 1 else ''}); it has not been run.")


def run(sql: str) -> Table | None:
    """Runs every statement, shows each result; stops at the first error, which is printed as a sentence.

    Returns the last statement's rows, if it had any.
    """
    import psycopg

    found = statements.split(sql)
    if not found:
        print("There is no statement here.")
        return None
    last: Table | None = None
    try:
        conn = servers.current().conn
    except (servers.ServersUnavailable, psycopg.Error) as error:
        print(str(error).strip())
        return None
    for statement in found:
        if last is not None:
            _display(last)
        try:
            last = _execute(conn, statement.text)
        except psycopg.Error as error:
            print(_failure(conn, error, statement, sql))
            return None
        except KeyboardInterrupt:  # psycopg has cancelled the statement on the server by now
            print(f"Interrupted, and cancelled on the server: {' '.join(statement.text.split())[:80]}")
            return None
    if conn.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
        print("A transaction is open on this connection: COMMIT or ROLLBACK ends it.")
    return last


def _execute(conn: Any, sql: str) -> Table | None:
    notices: list[str] = []

    def note(diag: Any) -> None:
        notices.append(f"{diag.severity}: {diag.message_primary}")

    conn.add_notice_handler(note)
    try:
        with conn.cursor() as cursor:
            cursor.execute(sql)
            if notices:
                print("\n".join(notices))
            if cursor.description is None:
                print(_done(cursor.statusmessage or "Done"))
                return None
            columns = tuple(c.name for c in cursor.description)
            rows = tuple(cursor.fetchmany(SHOWN))
            return Table(columns, rows, cursor.rowcount)
    finally:
        conn.remove_notice_handler(note)


def _done(tag: str) -> str:
    """The server's command tag with its count in words: "UPDATE 3" becomes "UPDATE: 3 rows"."""
    words = tag.split()
    if words[-1].isdigit() and words[0] in ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY"):
        count = int(words[-1])
        return f"{words[0]}: {'1 row' if count == 1 else f'{count:,} rows'}"
    return tag


def _failure(conn: Any, error: Any, statement: statements.Statement, cell: str) -> str:
    import psycopg

    if conn.broken or conn.closed:
        return "The server closed the connection while this ran; run the cell again to connect anew."
    text = statements.error_text(error, statement.text, statement.offset, cell)
    if conn.info.transaction_status is psycopg.pq.TransactionStatus.INERROR:
        text += "\nThe open transaction is aborted: every statement is refused until ROLLBACK."
    return text


def _display(value: Any) -> None:
    from IPython.display import display

    display(value)  # type: ignore[no-untyped-call]
