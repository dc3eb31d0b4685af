"""Unit 02, indexing and query plans: the lab and what every answer of it may use."""

from grader.checks.exercise import LabChecks

lab = LabChecks(
    "02-indexing",
    context="from decimal import Decimal\n\nimport duckdb\nimport psycopg\n",
)
