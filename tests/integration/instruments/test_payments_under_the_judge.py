"""All instruments at once, as a check uses them: an app with Postgres and a provider, judged by what it does.

Two callers send the same payment under the same key: every schedule of their statements and exchanges; then every
single fault at every boundary of one payment. The answer under test is one that keeps its promise, and one that looks
right alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from grader.checks.exercise import LabChecks, fail
from grader.instruments import serve
from grader.instruments.explore import Caller, Exploration, Limits, Stage, explore
from grader.instruments.faults import Sweep, sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.provider import PaymentProvider
from grader.instruments.serve import AppClient
from grader.instruments.steps import Journal
from grader.judge import judge_answer
from grader.verdict import Evidence, Outcome

DRIVER = """
from grader.instruments import serve as _serve
from grader.instruments.provider import PaymentClient as _PaymentClient
def start_app(path, bank):
    globals()["provider"] = _PaymentClient(bank)
    return _serve.start(app, path)
"""
SCHEMA = """
CREATE TABLE request (key text PRIMARY KEY, body jsonb NOT NULL, reply jsonb);
CREATE TABLE ledger (id int GENERATED ALWAYS AS IDENTITY, key text, amount int);
"""
BODY = {"amount": 100, "order": 7}
KEY = {"Idempotency-Key": "abc"}


@dataclass
class History:
    schedules: Exploration
    faults: Sweep = field(default_factory=lambda: None)  # type: ignore[arg-type,return-value]


checks = LabChecks("10-idempotency", context="import os, psycopg\nfrom fastapi import FastAPI, Header\n")


class Seen:
    """What the judge looks at, on its own connection."""

    def __init__(self, database: Any, bank: PaymentProvider) -> None:
        import psycopg

        self.rows = psycopg.connect(database.url("admin"), autocommit=True)
        self.bank = bank

    def reset(self) -> None:
        self.rows.execute("TRUNCATE request, ledger")
        self.bank.forget()

    def problem(self) -> str:
        rows = self.rows.execute("SELECT count(*) FROM ledger").fetchone()
        if self.bank.charged("order-7") != 100:
            return f"{self.bank.charged('order-7')} taken, must be 100"
        return "" if rows == (1,) else f"{rows and rows[0]} ledger rows, must be 1"


def spawn(answer: Any, folder: Any, name: str, database: str, bank: str) -> tuple[Any, AppClient]:
    worker = answer.spawn(environ={"DATABASE_URL": database}, driver=DRIVER)
    path = serve.socket_in(folder, f"app-{name}")
    started = worker.call("start_app", path, bank)
    assert started.value == {"ok": True, "reason": ""}, started
    return worker, AppClient(path)


class Place:
    """A worker with its app; what the explorer starts, calls and kills."""

    def __init__(self, *made: Any) -> None:
        self.worker, self.client = spawn(*made)

    def kill(self) -> None:
        self.worker.kill()


@checks.exercise("app", points=1, hints=("", "", ""))
def app(answer: Any, bench: Any) -> History:
    database, folder = bench.database("empty"), bench.scratch()
    database.execute(SCHEMA)
    journal = Journal()
    with PaymentProvider(folder, journal=journal) as bank:
        seen = Seen(database, bank)
        history = History(schedules(answer, folder, database, bank, journal, seen))
        history.faults = faults(answer, folder, database, bank, journal, seen)
        seen.rows.close()
    return history


def schedules(
    answer: Any, folder: Any, database: Any, bank: Any, journal: Journal, seen: Seen
) -> Exploration:
    with Stage(database.url(), database.url("admin"), callers=2) as stage:
        joined = join(stage, journal)

        def caller(lane: int) -> Caller:
            made = (answer, folder, f"T{lane}", stage.url(lane), bank.socket(f"T{lane}"))
            return Caller(
                lambda: Place(*made),
                lambda place, url: place.client.start("POST", "/v1/payments", json=BODY, headers=KEY),
            )

        def reset() -> None:
            joined.clear()
            seen.reset()

        found = explore(
            stage,
            [caller(1), caller(2)],
            reset=reset,
            invariant=lambda run: seen.problem(),
            symmetric=[(1, 2)],
            limits=Limits(patience=15.0, thinking=20.0),
        )
        joined.end()
    return found


def faults(answer: Any, folder: Any, database: Any, bank: Any, journal: Journal, seen: Seen) -> Sweep:
    with PostgresSteps(database.url(), folder, journal=journal) as postgres:
        places: list[Place] = []

        def place() -> Place:
            if not places:
                places.append(Place(answer, folder, "app", postgres.url(), bank.socket()))
            return places[0]

        def attempt() -> str:
            with journal.shielded():
                seen.reset()
            for _ in range(3):
                reply = place().client.request("POST", "/v1/payments", json=BODY, headers=KEY)
                if reply.status == 201:
                    break
            postgres.settle()
            return seen.problem()

        def crash(caller: str) -> None:
            places.pop().kill()

        swept = sweep(attempt, journal, crash=crash)
        for left in places:
            left.kill()
    return swept


@app.property()
def one_charge_under_all_schedules(history: History) -> Any:
    """Two calls with one key charge once, whatever their order."""
    worst = history.schedules.counterexample
    return worst is None or fail("one charge", worst.problem)


@app.property()
def one_charge_under_all_faults(history: History) -> Any:
    """One payment is charged once, whatever fails."""
    worst = history.faults.counterexample
    return worst is None or fail(
        "one charge", worst.broken, evidence=[Evidence("timeline", worst.story, worst.timeline)]
    )


app.coverage = lambda history: f"{history.schedules.coverage}; {history.faults}"

SOUND = '''
app = FastAPI()

@app.post("/v1/payments", status_code=201)
def pay(body: dict, idempotency_key: str = Header()):
    """The row of the key is the lock; the provider gets a key made from it."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
        conn.execute("INSERT INTO request (key, body) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                     (idempotency_key, psycopg.types.json.Jsonb(body)))
        done = conn.execute("SELECT reply FROM request WHERE key = %s FOR UPDATE", (idempotency_key,)).fetchone()
        if done and done[0]:
            return done[0]
        charge = provider.charge(amount=body["amount"], reference=f"order-{body['order']}",
                                 idempotency_key=idempotency_key)
        conn.execute("INSERT INTO ledger (key, amount) VALUES (%s, %s)", (idempotency_key, body["amount"]))
        reply = {"charge": charge["id"]}
        conn.execute("UPDATE request SET reply = %s WHERE key = %s",
                     (psycopg.types.json.Jsonb(reply), idempotency_key))
        return reply
'''
CHECK_THEN_ACT = """
app = FastAPI()

@app.post("/v1/payments", status_code=201)
def pay(body: dict, idempotency_key: str = Header()):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as conn:
        known = conn.execute("SELECT reply FROM request WHERE key = %s", (idempotency_key,)).fetchone()
        if known:
            return known[0]
        charge = provider.charge(amount=body["amount"], reference=f"order-{body['order']}")
        conn.execute("INSERT INTO ledger (key, amount) VALUES (%s, %s)", (idempotency_key, body["amount"]))
        reply = {"charge": charge["id"]}
        conn.execute("INSERT INTO request VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                     (idempotency_key, psycopg.types.json.Jsonb(body), psycopg.types.json.Jsonb(reply)))
        return reply
"""


def test_an_answer_that_keeps_its_promise(services: Any) -> None:
    verdict = judge_answer(checks, "app", SOUND)
    assert [f.outcome for f in verdict.findings] == [Outcome.PASS, Outcome.PASS], verdict
    assert "faults of 4 kinds at all" in verdict.coverage


def test_an_answer_that_looks_right_alone(services: Any) -> None:
    verdict = judge_answer(checks, "app", CHECK_THEN_ACT)
    assert [f.outcome for f in verdict.findings] == [Outcome.FAIL, Outcome.FAIL], verdict
    assert [f.happened for f in verdict.findings] == ["200 taken, must be 100"] * 2
    (shown,) = verdict.findings[1].evidence
    assert shown.title == "the process dies after charge 100 for order-7 (key none)"
    assert shown.data["lanes"] == ["Postgres", "provider"]


if __name__ == "__main__":
    pytest.main([__file__, "-s"])
