"""The scenes of `run_transaction`: what each attempt at a piece of work meets, and what came of the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import blame
from grader.checks.running import Answer, Bench, Database, Reply, Resource

TABLES = """
CREATE TABLE attempts (scenario text NOT NULL, attempt int NOT NULL);
CREATE FUNCTION refuse_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
END $$;
CREATE TABLE refused_at_commit (attempt int);
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refused_at_commit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_at_commit()
"""
ATTEMPTS = 4  # what the answer is told
PATIENCE = 12  # attempts after which the driver ends a call that goes on for ever

# What each attempt of a scenario meets: an SQLSTATE, "commit" (refused when it commits), "bug" (a Python error), "ok".
SCENARIOS: dict[str, list[str]] = {
    "no conflict": ["ok"],
    "a serialization failure": ["40001", "ok"],
    "a deadlock": ["40P01", "ok"],
    "a serialization failure at COMMIT": ["commit", "ok"],
    "two different conflicts": ["40P01", "40001", "ok"],
    "conflicts without end": ["40001"] * 50,
    "a unique violation": ["23505", "ok"],
    "a lock that was not available": ["55P03", "ok"],
    "a statement that was cancelled": ["57014", "ok"],
    "a statement of which nobody knows whether it was completed": ["40003", "ok"],
    "a bug in the work": ["bug", "ok"],
}
DRIVER = """
class __EndOfPatience__(BaseException):
    pass


def __scenario__(engine, told, name, plan, attempts, patience):
    import inspect, time
    from sqlalchemy import text
    tries = []

    def sleep(seconds=0.0):
        told(float(seconds))

    def work(connection):
        tries.append(None)
        n = len(tries)
        if n > patience:
            raise __EndOfPatience__()
        connection.execute(text("INSERT INTO attempts VALUES (:s, :n)"), {"s": name, "n": n})
        what = plan[min(n, len(plan)) - 1]
        if what == "bug":
            raise LookupError("a bug in the work")
        if what == "commit":
            connection.execute(text("INSERT INTO refused_at_commit VALUES (1)"))
        elif what != "ok":
            connection.execute(text(
                "DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '" + what + "'; END $$"))
        return "result of attempt %d" % n

    given = {"attempts": attempts, "max_attempts": attempts, "sleep": sleep}
    parameters = inspect.signature(run_transaction).parameters
    given = {k: v for k, v in given.items() if k in parameters}
    # one that ignores the `sleep` it is given does not take time either, and is not heard
    real, time.sleep = time.sleep, (lambda seconds: None) if "sleep" in given else sleep
    report = {"value": None, "error": "", "sqlstate": "", "told": len(given.keys() - {"sleep"})}
    try:
        report["value"] = run_transaction(engine, work, **given)
    except __EndOfPatience__:
        report["error"] = "endless"
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        report["error"] = type(error).__name__
        report["sqlstate"] = getattr(getattr(error, "orig", error), "sqlstate", "") or ""
        report["message"] = str(error).splitlines()[0][:200] if str(error) else ""
    finally:
        time.sleep = real
    report["tries"] = len(tries)
    return report
"""


@dataclass
class Outcome:
    """One call. rows: the attempts whose row is in the table afterwards. waits: seconds asked to sleep, in order;
    open_while_waiting: how many of them had a transaction open."""

    name: str
    tries: int = 0
    value: Any = None
    error: str = ""  # class name; "endless" if the driver had to end it
    sqlstate: str = ""
    message: str = ""
    rows: list[int] = field(default_factory=list)
    limit: int = ATTEMPTS  # attempts that are allowed
    waits: list[float] = field(default_factory=list)
    open_while_waiting: int = 0
    broken: str = ""  # the call did not come back


@dataclass
class History:
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    repeated: list[Outcome] = field(default_factory=list)  # conflicts without end, several times over


def described(outcome: Outcome) -> str:
    if outcome.broken:
        return f"the call {outcome.broken}"
    if outcome.error == "endless":
        return f"it was still trying at attempt {outcome.tries}"
    after = f" after {outcome.tries} attempt{'s' if outcome.tries != 1 else ''}"
    if outcome.error:
        code = f" ({outcome.sqlstate})" if outcome.sqlstate else ""
        return f"it raised {outcome.error}{code}{after}"
    return f"it returned {outcome.value!r}{after}"


def play_all(answer: Answer, bench: Bench) -> History:
    database = bench.database("empty")
    database.execute(TABLES)
    waits: list[tuple[float, bool]] = []

    def told(seconds: float) -> None:
        rows = database.query(
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datname = %s AND (xact_start IS NOT NULL "
            "OR state LIKE 'idle in transaction%%') AND pid <> pg_catalog.pg_backend_pid()",
            database.name,
            role="admin",
        )
        waits.append((float(seconds), rows[0][0] > 0))

    worker = answer.spawn(driver=DRIVER, callbacks={"told": told})
    engine = Resource("engine", database.url("learner"), id="engine")

    def play(name: str, label: str = "") -> Outcome:
        waits.clear()
        label = label or name
        plan = SCENARIOS[name]
        reply = worker.call(
            "__scenario__", engine, Resource("callback", "told"), label, plan, ATTEMPTS, PATIENCE
        )
        return _outcome(name, reply, database, label, waits)

    history = History()
    for name in SCENARIOS:
        history.outcomes[name] = play(name)
        if history.outcomes[name].broken:
            return history
    history.repeated = [play("conflicts without end", f"again {i}") for i in range(6)]
    return history


def _outcome(
    name: str, reply: Reply, database: Database, label: str, waits: list[tuple[float, bool]]
) -> Outcome:
    if not reply.ok or not isinstance(reply.value, Mapping):
        return Outcome(name, broken=blame(reply))
    found = {k: reply.value.get(k) for k in ("tries", "value", "error", "sqlstate", "message")}
    rows = database.query("SELECT attempt FROM public.attempts WHERE scenario = %s ORDER BY 1", label)
    return Outcome(
        name,
        int(found["tries"] or 0),
        found["value"],
        str(found["error"] or ""),
        str(found["sqlstate"] or ""),
        str(found["message"] or ""),
        [n for (n,) in rows],
        ATTEMPTS if reply.value.get("told") else PATIENCE - 1,
        [seconds for seconds, _ in waits],
        sum(open for _, open in waits),
    )
