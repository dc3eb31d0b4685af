"""Unit 00, start here: two tiny exercises that show how a check reads."""

from grader.checks.exercise import LabChecks

lab = LabChecks("00-start-here", context="import psycopg")
