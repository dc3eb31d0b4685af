"""The bundled servers: started, found again, killed, recovered."""

from __future__ import annotations

import psycopg
import redis


def test_every_role_can_log_in_and_the_judge_reads_through_nothing_else(services):
    for server in (services.postgres, services.judge_postgres):
        for role in ("admin", "learner", "judge"):
            with psycopg.connect(server.url(role=role)) as connection:
                row = connection.execute(
                    "SELECT current_user, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
                ).fetchone()
            assert row == (server.users[role][0], role == "admin")
        with psycopg.connect(server.url(role="judge")) as connection:
            assert connection.execute("SHOW search_path").fetchone() == ("pg_catalog",)


def test_empty_databases_belong_to_the_learner(empty_database):
    with psycopg.connect(empty_database("learner")) as connection:
        connection.execute("CREATE TABLE note (text text)")
    with psycopg.connect(empty_database("judge")) as connection:
        assert connection.execute("SELECT count(*) FROM public.note").fetchone() == (0,)


def test_redis_database_is_empty(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("a", 1)
