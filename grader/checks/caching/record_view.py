"""`record_view`: many small updates are gathered in Redis and written behind, few at a time, in order, hardly ever lost."""

from __future__ import annotations

from grader.checks.caching.contents import piled_up
from grader.checks.caching.place import Place, asks
from grader.checks.caching.recorders import bury, overtake
from grader.checks.caching.unit import lab
from grader.checks.caching.values import told
from grader.checks.caching.write_behind import History, Overtaken, Staff, Views, crash, disturb, rows_of
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply
from grader.verdict import Evidence

TABLE = """
CREATE TABLE product_views (
    product_id bigint PRIMARY KEY,
    views bigint NOT NULL,
    last_customer bigint NOT NULL
)"""
MANY, PRODUCTS, WRITES = 120, 5, 40
# Two processes record in turn, the last one having recorded fewer: whoever counts for itself puts them in a wrong order.
TURNS = (50, 20, 30, 20)
LEFT_OVER = (
    MANY // 3
)  # things that may stay in Redis: a total a product, or what a trim of about the right size leaves
ENTRY = 16  # bytes of a string that may be one view
SOME = 24  # views before a flush that is disturbed: more than any answer may lose
MOST_LOSS = 20


@lab.exercise(
    "record_view",
    points=4,
    binds=("record_view", "flush_views"),
    read="11-caching: Write-behind",
    coverage=lambda h: (
        f"views at each of {len(h.meanwhile)} steps of a flush, {len(h.overtaken)} recorders overtaken or killed; {h.crashes}"
        if h.crashes
        else ""
    ),
    hints=(
        "Between reading what has been gathered and removing it, somebody records another view. Where is it afterwards? "
        "And where is everything if your process dies in between?",
        "RENAME takes all that was gathered aside in one step, and newer views start afresh. What was taken aside is "
        "still there after a crash; whether it has been written is a question for the database.",
        "Take the batch aside under a name that a later flush finds; write one row a product, together with a mark in "
        "the same transaction that says which batch it was; then remove the batch.",
    ),
)
def record_view(answer: Answer, bench: Bench) -> History:
    database = bench.database("empty")
    database.execute(TABLE)
    random = bench.random("views")
    products = random.sample(range(1, 10_000), PRODUCTS)
    views: Views = [(random.choice(products), random.randrange(1, 10_000)) for _ in range(MANY)]
    history = History(wanted=rows_of(views))
    with Place(answer, bench, database) as place:
        staff = Staff(place, database)
        history.declared = staff.worker("flusher").call("__max_loss__").value
        history.recorded = in_turn(staff, views)
        place.journal.clear()
        history.flushed = staff.flush()
        history.asked = asks(place.journal.steps, place.journal.timeline())
        history.found = staff.rows()
        staff.flush()
        history.idle = staff.rows()
        history.left = piled_up(place.cache, ENTRY)
        if judged_counts(history) is not True:
            return history
        some = views[:SOME]
        staff.reset()
        staff.record(some, "doomed")
        staff.kill("doomed")
        staff.remember()
        staff.flush()
        history.orphaned = (SOME, sum(count for count, _ in staff.rows().values()))
        disturb(history, staff, some)
        history.overtaken = overtake(staff, some) + bury(staff, some)
        history.crashes = crash(history, staff, some)
    return history


def in_turn(staff: Staff, views: Views) -> Reply:
    """Two processes record by turns; the reply of the first call that failed, else of the last."""
    start = 0
    for number, count in enumerate(TURNS):
        reply = staff.record(views[start : start + count], ("recorder", "second")[number % 2])
        if not reply.ok:
            break
        start += count
    return reply


def judged_counts(history: History) -> Ruling:
    for reply in (history.recorded, history.flushed):
        if reply is None or not reply.ok:
            return fail("views are recorded and flushed", f"the call {told(reply)}")
    wanted = {p: n for p, (n, _) in history.wanted.items()}
    found = {p: n for p, (n, _) in history.found.items()}
    if found != wanted:
        columns = ["product", "views recorded", "views in the table"]
        table = [[p, wanted.get(p, 0), found.get(p, 0)] for p in sorted(wanted | found)]
        return fail(
            f"{MANY} views of {PRODUCTS} products, recorded by two processes in turn, in product_views, committed",
            f"{sum(found.values())} views",
            evidence=[Evidence("table", "After a flush", {"columns": columns, "rows": table})],
        )
    if history.idle != history.found:
        return fail("a second flush, of nothing, changes nothing", "the rows have changed")
    if history.left > LEFT_OVER:
        return fail(
            "what has been flushed is gone from what is gathered",
            f"after {MANY} views were flushed, {history.left} things are left in Redis, and stay",
        )
    return True


@record_view.property(
    weight=0,
    misconception="What has been flushed must be gone from Redis, and what is in the table must be committed.",
)
def counts(history: History) -> Ruling:
    """Undisturbed, every view is counted once."""
    return judged_counts(history)


@record_view.property(
    needs=["counts"],
    misconception="One statement a view, only later, is the same work for the database.",
)
def few_writes(history: History) -> Ruling:
    """A hundred and twenty views of five products are at most forty statements."""
    asked = len(history.asked.queries)
    return asked <= WRITES or fail(
        f"at most {WRITES} statements for {MANY} views of {PRODUCTS} products",
        f"{asked}, such as {history.asked.queries[0]}",
    )


@record_view.property(
    needs=["counts"],
    misconception="Whoever reads and then deletes also deletes what came in between.",
)
def nothing_lost_meanwhile(history: History) -> Ruling:
    """A view recorded while a flush is under way, at whichever of its steps, is counted once."""
    if not history.meanwhile:
        return unknown("The flush had no step at which anything could come in between.")
    for run in history.meanwhile:
        wanted, found = (sum(n for n, _ in rows.values()) for rows in (run.wanted, run.found))
        if found != wanted or not run.reply.ok:
            return fail(
                f"{wanted} views, once there was another flush",
                f"{found}; one was recorded just before {run.step}"
                if run.reply.ok
                else f"the flush {told(run.reply)}",
                evidence=[Evidence("timeline", "A view during a flush", run.timeline)],
            )
    for late in history.overtaken:
        if not late.killed and (late.trouble or late.arrived not in late.expected):
            return fail(
                f"{late.expected[0]} views, once there was another flush",
                f"{late.trouble or late.arrived}; a record_view was about to {late.step}, while another process "
                "recorded, flushed, and recorded again",
                "Whoever reads and then writes puts back what it had read: what others recorded meanwhile is gone, "
                "and what they flushed is there again.",
                [Evidence("timeline", "A slow recorder", late.timeline)],
            )
    return True


@record_view.property(
    needs=["counts"],
    misconception="Later views overwrite earlier ones, not the other way round: a batch taken aside is older than what "
    "is gathered since, and within a batch the last one counts.",
)
def order_kept(history: History) -> Ruling:
    """last_customer is whoever was recorded last."""
    if history.found != history.wanted:
        wrong = next(p for p in history.wanted if history.found[p] != history.wanted[p])
        return fail(
            f"product {wrong} was last seen by {history.wanted[wrong][1]}",
            f"the row says {history.found[wrong][1]}",
        )
    for run in history.meanwhile:
        same = all(run.found.get(p, (0, 0))[0] == n for p, (n, _) in run.wanted.items())
        if same and run.found != run.wanted:
            return fail(
                "last_customer is whoever was recorded last",
                f"after a view recorded just before {run.step} it is another",
                evidence=[Evidence("timeline", "A view during a flush", run.timeline)],
            )
    for late in history.overtaken:
        if not late.killed and late.arrived in late.expected and late.found not in late.wanted:
            return fail(
                "last_customer is whoever was recorded last",
                f"it is another, although one customer recorded the last three views; one was about to {late.step}",
                evidence=[Evidence("timeline", "A slow recorder", late.timeline)],
            )
    return not history.disorder or fail("last_customer is whoever was recorded last", history.disorder)


def half_recorded(late: Overtaken, bound: int) -> str:
    """What is wrong after a recorder was killed, "" if nothing is."""
    fewest, most = late.expected
    if late.trouble:
        return f"a call of the others {late.trouble}"
    if not fewest - bound <= late.arrived <= most + bound:
        return f"{late.arrived} views arrived, {fewest} were recorded to the end and {most - fewest} was not"
    if not bound and late.found not in late.wanted:
        return (
            "the view is there by half: it is counted, and last_customer is another, or the other way round"
        )
    return ""


@record_view.property(
    needs=["counts"],
    misconception="What is only in a process dies with it; what was taken out of Redis and not yet committed is nowhere.",
)
def loss_is_bounded(history: History) -> Ruling:
    """Whenever a process is killed, at most MAX_LOSS views are lost or counted twice."""
    bound = history.declared
    if not isinstance(bound, int) or isinstance(bound, bool) or not 0 <= bound <= MOST_LOSS:
        return fail(f"MAX_LOSS between 0 and {MOST_LOSS}", f"{bound!r}")
    recorded, arrived = history.orphaned
    if abs(recorded - arrived) > bound:
        return fail(
            f"at most {bound} views are lost when the process that recorded them is killed",
            f"of {recorded} views {arrived} arrived",
        )
    for late in history.overtaken:
        if late.killed and (text := half_recorded(late, bound)):
            return fail(
                f"at most {bound} views are lost or counted twice, wherever a recorder is killed",
                f"{text}; the process that recorded a view was killed before {late.step}",
                "A view is recorded by one step, or by some of which the last makes it count: what is there by half "
                "belongs to nobody.",
                [Evidence("timeline", "A recorder that is killed", late.timeline)],
            )
    assert history.crashes
    worst = history.crashes.counterexample
    if worst is None:
        return True
    return fail(
        f"at most {bound} views are lost or counted twice, wherever the flush is killed",
        f"{worst.broken} ({worst.story})",
        evidence=[Evidence("timeline", "A flush that is killed", worst.timeline)],
    )
