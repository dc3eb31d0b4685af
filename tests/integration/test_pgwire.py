"""The wire proxy between real clients and a real server."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy

from grader.instruments.pgwire import PgProxy
from grader.instruments.sessions import LiveSessions, Result, Waiting


@pytest.fixture
def proxy(empty_database):
    with PgProxy(empty_database("learner"), lanes=("A", "B")) as made:
        yield made


@contextmanager
def pumping(proxy, work, *args):
    """Runs `work` in a thread while the proxy is driven here; yields what it returned."""
    said = []

    def run():
        try:
            said.append(work(*args))
        except BaseException as error:
            said.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        proxy.pump(0.01)
    thread.join()
    if isinstance(said[0], BaseException):
        raise said[0]
    yield said[0]


def test_statements_parameters_rows_and_status(proxy):
    def work(url):
        with psycopg.connect(url) as connection:
            return connection.execute("select %s::int + 1 as sum, %s as text, null", [41, "a'b"]).fetchall()

    with pumping(proxy, work, proxy.url("A")) as rows:
        assert rows == [(42, "a'b", None)]
    begin, select, commit = proxy.history
    assert [s.text for s in proxy.history] == [
        "BEGIN",
        "select $1::int + 1 as sum, $2 as text, null",
        "COMMIT",
    ]
    assert select.params == [41, "a'b"] and select.columns == ["sum", "text", "?column?"]
    assert select.rows == [[42, "a'b", None]] and select.tag == "SELECT 1"
    assert [(s.transaction, s.transaction_after) for s in (begin, select, commit)] == [
        ("I", "T"),
        ("T", "T"),
        ("T", "I"),
    ]
    assert {s.lane for s in proxy.history} == {"A"}


def test_async_prepared_and_sqlalchemy(proxy):
    async def repeat(url):
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            return [(await (await connection.execute("select %s", [i])).fetchone())[0] for i in range(8)]

    with pumping(proxy, lambda: asyncio.run(repeat(proxy.url()))) as values:
        assert values == list(range(8))
    assert [s.params for s in proxy.history] == [[i] for i in range(8)]

    def through_engine(url):
        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            return connection.execute(sqlalchemy.text("select :a * 2"), {"a": 4}).scalar_one()

    with pumping(proxy, through_engine, proxy.url("B")) as value:
        assert value == 8


def test_copy_both_ways_and_a_flood(proxy):
    def work(url):
        with psycopg.connect(url) as connection:
            connection.execute("create temp table t (a int, b text)")
            with connection.cursor().copy("copy t from stdin") as copy:
                for i in range(20_000):
                    copy.write_row((i, "x" * 100))
            with connection.cursor().copy("copy t to stdout") as copy:
                return sum(1 for _ in copy.rows())

    with pumping(proxy, work, proxy.url()) as count:
        assert count == 20_000
    assert [s.tag for s in proxy.history if s.sql.startswith("copy")] == ["COPY 20000", "COPY 20000"]


def test_errors_and_notices(proxy):
    def work(url):
        with psycopg.connect(url, autocommit=True) as connection:
            with pytest.raises(psycopg.errors.DivisionByZero):
                connection.execute("select 1/0")
            connection.execute("do $$ begin raise notice 'hello'; end $$")
            with connection.pipeline(), pytest.raises(psycopg.errors.DivisionByZero):
                connection.execute("select 1")
                connection.execute("select 1/0").fetchall()
            return connection.execute("select 3").fetchone()

    with pumping(proxy, work, proxy.url()) as row:
        assert row == (3,)
    assert proxy.history[0].sqlstate == "22012" and proxy.history[1].notices == ["hello"]


def test_cancel_reaches_the_server(proxy):
    ended = threading.Event()

    def cancel(connection):
        while not ended.is_set():  # one that comes before the statement does is ignored by the server
            connection.cancel_safe()

    def work(url):
        with psycopg.connect(url) as connection:
            canceller = threading.Thread(target=cancel, args=(connection,))
            canceller.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("select pg_sleep(60)")
            ended.set()
            canceller.join()
            return True

    with pumping(proxy, work, proxy.url()) as done:
        assert done


def test_connections_are_handed_on_clean(proxy):
    def first(url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("set work_mem = '99kB'")
            connection.execute("create temp table litter (a int)")
            connection.execute("select pg_advisory_lock(1)")
            connection.execute("begin")
            return connection.info.backend_pid

    def second(url):
        with psycopg.connect(url, autocommit=True) as connection:
            left = connection.execute(
                "select current_setting('work_mem'), to_regclass('litter'), (select count(*) from pg_locks where locktype = 'advisory')"
            ).fetchone()
            return connection.info.backend_pid, left

    with pumping(proxy, first, proxy.url("A")) as before:
        while proxy.sessions:  # until it has heard that the client is gone
            proxy.pump(0.05)
        proxy.settle()
    with pumping(proxy, second, proxy.url("B")) as (after, left):
        assert after == before
        assert left[0] != "99kB" and left[1:] == (None, 0)


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
def test_a_connection_dropped_around_a_commit(proxy, empty_database, when, kept):
    def drop(session, statement):
        if statement.sql != "COMMIT":
            session.release()
        elif when == "before":
            session.cut()
        else:
            session.release(lose_reply=True)

    def work(url):
        connection = psycopg.connect(url)
        connection.execute("create table if not exists kept (a int)")
        connection.execute("insert into kept values (1)")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        return True

    with psycopg.connect(empty_database("learner")) as direct:
        direct.execute("create table kept (a int)")
    proxy.gate = drop
    with pumping(proxy, work, proxy.url()):
        proxy.settle()
    with psycopg.connect(empty_database("learner")) as direct:
        assert direct.execute("select count(*) from kept").fetchone() == (kept,)
    assert proxy.history[-1].state == {"before": "cut", "after": "lost"}[when]


def test_too_many_connections_are_refused_as_a_server_does(proxy):
    def work(url):
        held = []
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            for _ in range(60):
                held.append(psycopg.connect(url))
        return len(held)

    with pumping(proxy, work, proxy.url()) as count:
        assert count == 40


def test_bad_bytes_do_no_harm(proxy):
    import socket

    def work():
        for junk in (
            b"",
            b"\x00",
            b"\x00\x00\x00\x02\x00\x00\x00\x00",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff" * 64,
        ):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{proxy.folder}/.s.PGSQL.5001")
                client.sendall(junk)
        with psycopg.connect(proxy.url()) as connection:
            return connection.execute("select 1").fetchone()

    with pumping(proxy, work) as row:
        assert row == (1,)


# -- live sessions ------------------------------------------------------------------------------------


def test_live_sessions_say_whom_they_wait_for(empty_database):
    room = LiveSessions(empty_database("learner"))
    room["A"].execute("create table t (id int primary key, a int); insert into t values (1, 1)")
    assert room["A"].execute("begin; update t set a = 2").tag == "UPDATE 1"
    waiting = room["B"].execute("update t set a = a * 10")
    assert isinstance(waiting, Waiting)
    assert [(b.session, b.pid) for b in waiting.blockers] == [("A", room["A"].pid)]
    assert str(waiting).startswith("B waits for A (pid")
    with pytest.raises(RuntimeError, match="Session B is still busy"):
        room["B"].execute("select 1")
    assert room.finished() == {}
    assert room["A"].execute("commit").transaction == "idle"
    assert room.finished()["B"].tag == "UPDATE 1"
    assert room["B"].poll() is None
    shown = room["A"].execute("select id, a from t")
    assert (shown.columns, shown.rows) == (("id", "a"), ((1, 20),))
    room.close()


def test_live_sessions_survive_errors_and_lost_connections(empty_database):
    room = LiveSessions(empty_database("learner"))
    assert room["A"].execute("selec").sqlstate == "42601"
    gone = room["A"].execute("select pg_terminate_backend(pg_backend_pid())")
    assert isinstance(gone, Result) and gone.error and gone.transaction == "closed"
    assert room["A"].execute("select 1").rows == ((1,),)  # a new connection
    room.close()


def test_live_sessions_look_again_after_a_restart(empty_database):
    room = LiveSessions(empty_database("learner"))
    assert room["A"].execute("begin; select pg_advisory_xact_lock(1)").tag == "SELECT 1"
    assert isinstance(room["B"].execute("select pg_advisory_xact_lock(1)"), Waiting)
    room["A"].execute("commit")
    assert room["B"].poll(patience=60).tag == "SELECT 1"
    with psycopg.connect(
        empty_database("learner"), autocommit=True
    ) as other:  # as a restart would, for all of them
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert room["A"].execute("select 1").error and room["B"].execute("select 1").error
    assert room["A"].execute("begin; select pg_advisory_xact_lock(1)").tag == "SELECT 1"
    waiting = room["B"].execute("select pg_advisory_xact_lock(1)")
    assert isinstance(waiting, Waiting) and [b.session for b in waiting.blockers] == ["A"]
    room.close()


def test_statements_of_one_message_are_steps(proxy):
    def work(url):
        with psycopg.connect(url) as connection:
            connection.execute("create temp table t (a int)")
            cursor = connection.execute("insert into t values (1); insert into t values (2), (3); select ';'")
            tags = [cursor.statusmessage]
            while cursor.nextset():
                tags.append(cursor.statusmessage)
            with pytest.raises(psycopg.errors.DivisionByZero):
                connection.execute("insert into t values (4); select 1 / 0; insert into t values (5)")
            connection.rollback()
        with psycopg.connect(
            url, autocommit=True
        ) as connection:  # the server makes one transaction of such a message
            connection.execute("select 1; select 2")
            connection.execute("begin; select 3; commit")
        return tags, cursor.fetchone()

    with pumping(proxy, work, proxy.url()) as said:
        assert said == (["INSERT 0 1", "INSERT 0 2", "SELECT 1"], (";",))
    texts = [(s.text, s.state) for s in proxy.history if s.text not in ("BEGIN", "COMMIT", "ROLLBACK")]
    assert texts[1:] == [
        ("insert into t values (1)", "ok"),
        ("insert into t values (2), (3)", "ok"),
        ("select ';'", "ok"),
        ("insert into t values (4)", "ok"),
        ("select 1 / 0", "error"),
        ("select 1; select 2", "ok"),
        ("begin", "ok"),
        ("select 3", "ok"),
        ("commit", "ok"),
    ]


def test_the_reply_to_a_copy_may_be_lost(proxy, empty_database):
    def work(url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table filled (a int)")
            filling = connection.cursor().copy("copy filled from stdin")
            with pytest.raises(psycopg.OperationalError), filling as copy:
                copy.write_row((1,))
            return True

    def gate(session, statement):
        session.release(lose_reply=statement.text.startswith("copy"))

    proxy.gate = gate
    with pumping(proxy, work, proxy.url()):
        proxy.settle()
    assert proxy.history[-1].state == "lost"
    with psycopg.connect(empty_database("learner")) as direct:
        assert direct.execute("select a from filled").fetchall() == [(1,)]
