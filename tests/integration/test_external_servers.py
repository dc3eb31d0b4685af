"""DATABASE_URL and REDIS_URL: the same course on servers somebody else runs."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from grader import services as package
from grader.services import external
from grader.services.places import places
from grader.services.process import Process, pause
from grader.services.programs import programs


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def postgres_url(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A PostgreSQL over TCP with passwords, as a stranger's server would be."""
    port = free_port()
    with package.throwaway_postgres(port=port) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("DROP ROLE learner")
            connection.execute("DROP OWNED BY judge")
            connection.execute("DROP ROLE judge")
            connection.execute("ALTER ROLE postgres PASSWORD 'p@ss:word'")
        url = f"postgresql://postgres:p%40ss%3Aword@127.0.0.1:{port}/postgres"
        monkeypatch.setenv("DATABASE_URL", url)
        yield url
        monkeypatch.delenv("DATABASE_URL")


@pytest.fixture
def redis_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The distribution's redis-server where there is one (continuous integration installs it), else the wheel's."""
    program = shutil.which("redis-server") or str(programs(places()).valkey)
    port = free_port()
    with subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "secret"],
        stdout=subprocess.DEVNULL,
        cwd=home,
    ) as server:
        process = Process.of(server.pid)
        assert process
        url = f"redis://:secret@127.0.0.1:{port}/3"
        while not answers(url):
            assert process.alive()
            pause(0.01, server.pid)
        monkeypatch.setenv("REDIS_URL", url)
        yield url
        server.kill()


def answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_a_named_postgres_gets_the_roles_and_serves_both_sides(postgres_url):
    running = package.up()
    assert running.postgres is running.judge_postgres and not running.postgres.bundled
    for role in ("admin", "learner", "judge"):
        with psycopg.connect(running.postgres.url("postgres", role)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (running.postgres.users[role][0],)
    with psycopg.connect(running.postgres.url(role="judge")) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ("pg_catalog",)
        assert connection.execute("SELECT pg_has_role('pg_read_all_data', 'member')").fetchone() == (True,)


def test_a_named_postgres_is_shown_without_its_password(postgres_url):
    (shown,) = {condition.where for condition in package.status() if condition.state == "elsewhere"}
    assert "word" not in shown and "postgres:***@127.0.0.1" in shown


def test_a_user_who_may_not_create_roles_is_told_so(postgres_url, monkeypatch):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE ROLE modest LOGIN PASSWORD 'secret'")
    monkeypatch.setenv("DATABASE_URL", postgres_url.replace("postgres:p%40ss%3Aword", "modest:secret"))
    with pytest.raises(package.ServiceError, match="modest of DATABASE_URL may not create the roles"):
        package.up()


def test_an_address_where_nobody_answers_is_one_sentence(home, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres:secret@127.0.0.1:{free_port()}/postgres")
    with pytest.raises(package.ServiceError, match=r"cannot be reached: .*unset DATABASE_URL") as caught:
        package.up()
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setenv("DATABASE_URL", "mysql://localhost/shop")
    with pytest.raises(package.ServiceError, match="must begin with postgresql://, not mysql://"):
        package.up()


def test_a_named_redis_serves_both_sides_from_different_databases(redis_server):
    running = package.up()
    assert running.redis.url == redis_server and not running.redis.bundled
    with (
        redis.Redis.from_url(running.redis.url) as learner,
        redis.Redis.from_url(running.judge_redis.url) as judge,
    ):
        learner.set("mine", 1)
        assert judge.dbsize() == 0


def test_a_redis_that_does_not_answer_is_one_sentence(home, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{free_port()}/0")
    with pytest.raises(package.ServiceError, match=r"cannot be reached: .*unset REDIS_URL") as caught:
        package.up()
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setenv("REDIS_URL", "http://localhost/")
    with pytest.raises(package.ServiceError, match="REDIS_URL is not a Redis address"):
        package.up()


def test_with_both_named_nothing_is_started_here(postgres_url, redis_server):
    external.postgres.cache_clear()
    external.redis.cache_clear()
    package.up()
    started = [condition.name for condition in package.status() if condition.state == "running"]
    assert [name for name in started if not name.startswith("t")] == []
