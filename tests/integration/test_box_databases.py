"""Databases a boxed server has ready: nobody's until they are taken, then what a fresh clone is."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from grader import shop
from grader.judge.box.launcher import BoxedPlace, BoxLauncher
from grader.judge.box.template import KEPT, READY
from grader.services.server import PostgresServer

pytestmark = pytest.mark.server
STATE = """
    SELECT pg_get_userbyid(datdba), datallowconn, datistemplate, datacl::text, datconnlimit, datcollate, datlocale
    FROM pg_database WHERE datname = %s
"""
CONTENT = """
    SELECT string_agg(format('%s %s %s %s', relname, relkind, pg_get_userbyid(relowner), relpages), ', ' ORDER BY relname)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def place(services: object) -> Iterator[BoxedPlace]:
    with BoxLauncher("bubblewrap") as launcher, launcher.open() as place:
        yield place


def look(server: PostgresServer, database: str) -> tuple[object, object]:
    with psycopg.connect(server.url("postgres")) as admin:
        state = admin.execute(STATE, [database]).fetchone()
    with psycopg.connect(server.url(database)) as inside:
        return state, inside.execute(CONTENT).fetchone()


@pytest.mark.parametrize("template", KEPT)
def test_a_ready_database_is_what_a_fresh_clone_is(place: BoxedPlace, template: str) -> None:
    shop.clone(place.postgres, template, "fresh")
    ready = place.database(template)
    assert ready is not None
    assert look(place.postgres, ready) == look(place.postgres, "fresh")
    with psycopg.connect(place.postgres.url(ready, "learner")) as learner:
        learner.execute("CREATE TABLE mine (id int)")


def test_each_is_given_once_and_then_there_is_none(place: BoxedPlace) -> None:
    given = [place.database("empty") for _ in range(READY["empty"] + 1)]
    assert given[-1] is None
    assert len(set(given)) == READY["empty"] + 1


def test_before_it_is_taken_a_learner_can_neither_enter_nor_change_it(place: BoxedPlace) -> None:
    first = place.database("empty")
    with psycopg.connect(place.postgres.url(str(first), "learner"), autocommit=True) as learner:
        others = learner.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'check_ready_%%' AND datname <> %s", [first]
        ).fetchall()
        assert len(others) == sum(READY.values()) - 1
        for (name,) in others:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                learner.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
            with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
                psycopg.connect(place.postgres.url(name, "learner"))
