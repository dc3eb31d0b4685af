"""A proxy for PostgreSQL's wire protocol 3 that sees, holds, delays and drops statements.

    with PgProxy(server_url, lanes=("T1", "T2"), gate=lambda session, statement: None) as proxy:
        ...                               # clients connect to proxy.url("T1") with psycopg, SQLAlchemy, anything
        proxy.pump(0.05)                  # handles what is ready: whoever wants it to move drives it
        proxy.sessions[0].held            # the statement that waits: text, params, transaction status
        proxy.sessions[0].release()       # or release(lose_reply=True), cut(), refuse("57P01", "...")
        [s.to_json() for s in proxy.history]

One selector loop, no threads: the explorer decides between two reads, so a thread a connection would only add
switches between threads. (`pgsteps` pumps from a thread for those who cannot.) Bytes are forwarded as they are;
messages are framed to find statements, replies, and their ends, and decoded only when somebody looks. A statement is
a simple Query, or an Execute with the Parse, Bind and Describe before it; where a pipeline has no Sync after it, a
Flush is put in so that its reply can be seen. Requests for TLS and GSS encryption are declined, cancel requests go to
the server that knows their key, passwords pass through. COPY flows freely once its statement has been let go.
"""

from grader.instruments.pgwire.proxy import PgProxy
from grader.instruments.pgwire.session import Session
from grader.instruments.pgwire.statement import Statement

__all__ = ["PgProxy", "Session", "Statement"]
