"""Fixtures every test may use. Servers are real, started once a run and shared by all xdist workers.

services          the running servers of a home made for this run (session)
postgres          the throw-away cluster, `services.judge_postgres` (session)
empty_database    a function that gives the URL of one new empty database for a role
fresh_database    the name of a new clone of `shop_small` on `postgres`, dropped after the test
redis_url         an empty Redis-protocol database of the worker's own
home              an empty GRADER_HOME for this test alone, with the environment cleared of server addresses;
                  whatever is started in it is stopped and removed afterwards

The process that began the run makes the home and puts GRADER_HOME in the environment; workers inherit it, and
`services.up` is safe to call from all of them. The same process takes everything down at the end, also when it
is asked to end early; what a killed run left behind, the next run clears away.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from homes import clear_leftovers, make_home, remove_home

from grader.classroom.seed import NAME as COURSE_SEED
from grader.services.places import places

_made: list[Path] = []

# An example may take as long as a busy machine needs.
hypothesis.settings.register_profile(
    "no clock", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("no clock")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # end early as Ctrl-C does: tidily
        clear_leftovers()
        _made.append(make_home())
        os.environ["GRADER_HOME"] = str(_made[0])
        # Runs can be repeated: the seed is a new one in a campaign alone, and the report's head says which.
        seed = secrets.randbelow(10**9) if os.environ.get("GRADER_CAMPAIGN") else 20_261_127
        (_made[0] / COURSE_SEED).write_text(os.environ.get("GRADER_TEST_COURSE_SEED", str(seed)))


def pytest_report_header() -> list[str]:
    seeds = [(home / COURSE_SEED).read_text() for home in _made]
    return [f"course seed: {seed} (GRADER_TEST_COURSE_SEED chooses another)" for seed in seeds]


def pytest_unconfigure(config: pytest.Config) -> None:
    while _made:
        remove_home(_made.pop())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `campaign(only=True)` has no sample: it runs in the campaign alone."""
    if os.environ.get("GRADER_CAMPAIGN"):
        return
    left_out = [i for i in items if any(m.kwargs.get("only") for m in i.iter_markers("campaign"))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [i for i in items if i not in {*left_out}]


@pytest.fixture(scope="session")
def services():
    from grader import services

    return services.up()


@pytest.fixture(scope="session")
def postgres(services):
    return services.judge_postgres


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    lender = places().state
    folder = make_home()
    monkeypatch.setenv("GRADER_HOME", str(folder))
    for template in lender.glob("template-*"):  # never written to: linking it saves a second of initdb
        if template.suffix != ".building":
            subprocess.run(["cp", "-al", template, places().state], check=True)
    for name in ("DATABASE_URL", "REDIS_URL", "GRADER_POSTGRES_PORT"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    for name in ("DATABASE_URL", "REDIS_URL", "GRADER_POSTGRES_PORT"):
        monkeypatch.delenv(name, raising=False)
    remove_home(folder)


@pytest.fixture
def empty_database(postgres) -> Iterator[Callable[[str], str]]:
    """Call it with a role ("admin", "learner", "judge") to get that role's URL; one database a test."""
    import psycopg

    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER learner")
    yield lambda role="admin": postgres.url(name, role)
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def fresh_database(postgres) -> Iterator[str]:
    from grader import shop

    shop.ensure_template(postgres, "shop_small")
    name = f"test_{uuid.uuid4().hex[:12]}"
    shop.clone(postgres, "shop_small", name)
    yield name
    shop.drop(postgres, name)


@pytest.fixture
def redis_url(services) -> str:
    import redis

    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    with redis.Redis.from_url(services.judge_redis.url) as client:
        first = int(client.connection_pool.connection_kwargs["db"])
    url = services.judge_redis.at(first + 2 + int(worker))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
