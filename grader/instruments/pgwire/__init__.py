"""A proxy for PostgreSQL's wire protocol that sees, holds, delays and drops statements."""

from grader.instruments.pgwire.proxy import PgProxy
from grader.instruments.pgwire.session import Session
from grader.instruments.pgwire.statement import Statement

__all__ = ["PgProxy", "Session", "Statement"]
