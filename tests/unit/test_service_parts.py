"""The parts of the services that need no server."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from grader.services.cluster import Record, complaint
from grader.services.errors import ServiceError, in_words
from grader.services.external import without_password
from grader.services.lock import locked
from grader.services.places import places
from grader.services.process import Process
from grader.services.programs import unsupported
from grader.services.server import PostgresServer, RedisServer
from grader.services.settings import as_arguments, as_file


def test_urls_are_understood_by_psycopg():
    server = PostgresServer("/tmp/bm/postgres", 5432, "18.6")
    found = psycopg.conninfo.conninfo_to_dict(server.url("shop", "learner"))
    assert found == {"user": "learner", "dbname": "shop", "host": "/tmp/bm/postgres", "port": "5432"}
    users = {"admin": ("the admin", "p@ss/word:?")}
    server = PostgresServer("::1", 5433, "17.2", users, {"sslmode": "require"}, bundled=False)
    assert psycopg.conninfo.conninfo_to_dict(server.url("a b")) == {
        "user": "the admin",
        "password": "p@ss/word:?",
        "host": "::1",
        "port": "5433",
        "dbname": "a b",
        "sslmode": "require",
    }
    assert server.major == 17 and server.socket_dir is None


def test_urls_are_understood_by_sqlalchemy():
    import sqlalchemy

    url = PostgresServer("/tmp/bm/postgres", 5432, "18.6").url("shop", "judge")
    dialect = sqlalchemy.make_url(url.replace("postgresql://", "postgresql+psycopg://", 1))
    assert (dialect.username, dialect.database, dialect.query["host"]) == (
        "judge",
        "shop",
        "/tmp/bm/postgres",
    )


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("unix:///tmp/bm/redis.sock?db=0", "unix:///tmp/bm/redis.sock?db=7"),
        ("redis://:secret@localhost:6379/0", "redis://:secret@localhost:6379/7"),
        ("redis://localhost:6379?db=2", "redis://localhost:6379/7"),
    ],
)
def test_other_databases_of_a_redis(url, other):
    found = RedisServer(url).at(7)
    assert found == other
    with redis.Redis.from_url(found) as client:
        assert client.connection_pool.connection_kwargs["db"] == 7


def test_no_password_is_shown():
    assert without_password("postgresql://a:b%40c@host/d") == "postgresql://a:***@host/d"
    assert "secret" not in RedisServer("redis://:secret@host:6379/0").shown()


def test_a_full_disk_is_a_sentence(tmp_path):
    with (
        pytest.raises(ServiceError, match="no room left on the disk"),
        in_words(tmp_path),
        open("/dev/full", "w") as full,
    ):
        full.write("x")


def test_a_folder_of_somebody_else_is_a_sentence(tmp_path):
    with pytest.raises(ServiceError, match="set GRADER_HOME to a folder of yours"), in_words(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))


def test_a_socket_folder_of_somebody_else_is_refused(home):
    here = places()
    here.sockets.symlink_to(home)
    try:
        with pytest.raises(ServiceError, match="belongs to somebody else"):
            here.socket_folder("postgres")
    finally:
        here.sockets.unlink()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("LOG:  starting\nFATAL:  could not write: No space left on device\n", "the disk is full"),
        (
            'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\nFATAL:  could not create any\n',
            "port is taken",
        ),
        (
            'FATAL:  unrecognized configuration parameter "x"\n',
            'unrecognized configuration parameter "x"; see',
        ),
    ],
)
def test_the_logs_last_complaint_is_put_in_words(tmp_path, log, said):
    path = tmp_path / "log"
    path.write_text(log)
    assert said in complaint(path)


@pytest.mark.parametrize(
    ("system", "machine", "fits"),
    [
        ("Linux", "x86_64", True),
        ("Darwin", "arm64", True),
        ("Windows", "AMD64", False),
        ("Linux", "riscv64", False),
    ],
)
def test_platforms(system, machine, fits):
    assert (unsupported(system, machine) == "") == fits
    assert fits or "docker compose" in unsupported(system, machine)


def test_socket_paths_are_short_however_long_the_home_is(tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["a-rather-long-name-for-a-folder"] * 6)
    deep.mkdir(parents=True)
    monkeypatch.setenv("GRADER_HOME", str(deep))
    here = places()
    assert len(str(here.sockets / "t1234567-1000-postgres" / ".s.PGSQL.65535")) <= 107
    if here.state != here.home:
        here.state.rmdir()


def test_a_process_is_recognised_by_pid_and_start():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = Process.of(child.pid)
        assert process and process.alive()
        assert not Process(child.pid, "another start").alive()
        child.kill()
        assert process.wait(10)
    assert Process.of(child.pid) is None


def test_records_survive_writing_and_damage(tmp_path):
    me = Process.of(os.getpid())
    assert me
    record = Record("postgres", me, "/data", "/socket", owner=me)
    record.write(tmp_path)
    assert Record.read(tmp_path / "postgres.json") == record
    (tmp_path / "postgres.json").write_text('{"name": "postgres"')
    assert Record.read(tmp_path / "postgres.json") is None
    (tmp_path / "postgres.json").write_text("[]")
    assert Record.read(tmp_path / "postgres.json") is None


def test_the_lock_is_freed_when_its_holder_is_killed(tmp_path):
    path = tmp_path / "lock"
    script = f"""
from pathlib import Path
from grader.services.lock import locked
with locked(Path({str(path)!r})):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout and child.stdout.readline() == "held\n"
        child.kill()
    with locked(path):
        pass


def test_settings_are_quoted():
    assert as_file({"log_line_prefix": "it's %m"}) == "log_line_prefix = 'it''s %m'\n"
    assert as_arguments({"fsync": "off"}) == ["-c", "fsync=off"]


def test_home_follows_the_environment(monkeypatch, tmp_path):
    from grader import services

    monkeypatch.setenv("GRADER_HOME", str(tmp_path / "here"))
    assert services.home() == tmp_path / "here"
    monkeypatch.delenv("GRADER_HOME")
    monkeypatch.setenv("GRADER_ROOT", str(tmp_path))
    assert services.home() == Path(tmp_path) / ".backend-mentor"
