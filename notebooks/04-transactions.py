# %% [markdown]
# # Transactions and isolation
#
# *Two requests read the same row, both write it, every test is green, and money is missing.
# Which of the two was wrong?*
#
# After this lesson you can
#
# - say what is left of a half-done change when the server, or your process, dies in the middle;
# - tell from a row's versions who sees what, and why readers do not wait for writers;
# - name the anomaly in a piece of code and the level, lock or condition that prevents it;
# - find who holds up a queue of waiting sessions;
# - decide between locking, checking and retrying, and say what each costs.
#
# 75 minutes.
# Out of scope: replication, two-phase commit, and repeating a request safely (lesson 10).
#
# Everything below runs against a real PostgreSQL, in a database of this lesson's own that its last cell drops.
# Your `shop` is not touched.

# %%
# %load_ext grader
import psycopg

from grader.notebook.every_order import compare, every_crash, every_order, steps, still
from grader.notebook.looking import RowWatch, draw_grid, draw_queue
from grader.notebook.scratch import Scratch
from grader.services import throwaway_postgres

db = Scratch("lesson_transactions", """
    CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL, balance int NOT NULL);
    INSERT INTO accounts VALUES (1, 'Ada', 100), (2, 'Bo', 100);
    CREATE TABLE wallet (id int PRIMARY KEY, balance int NOT NULL);
    INSERT INTO wallet VALUES (1, 100);
    CREATE TABLE stock (product text PRIMARY KEY, on_hand int NOT NULL, version int DEFAULT 1);
    INSERT INTO stock VALUES ('lamp', 10), ('chair', 10);
    CREATE TABLE admins (name text PRIMARY KEY, active boolean NOT NULL);
    INSERT INTO admins VALUES ('Dana', true), ('Omar', true);
    CREATE TABLE bank (account text PRIMARY KEY, balance int NOT NULL);
    INSERT INTO bank VALUES ('checking', 0), ('savings', 0);
""")

# %% [markdown]
# ## Atomicity
#
# Moving money takes two statements.
# The plainest thing that can happen between them is that the power goes.
#
# **Predict.** A server is killed with SIGKILL after the first of the two statements.
# Ada had 100 and sends 30 to Bo.
# What do the accounts hold after it has recovered: with each statement on its own, inside a transaction, and after COMMIT has returned?

# %%
def pull_the_plug(autocommit, commit=False):
    with throwaway_postgres(settings={"fsync": "on"}) as doomed:
        with psycopg.connect(doomed.url(), autocommit=True) as first:
            first.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int)")
            first.execute("INSERT INTO accounts VALUES (1, 100), (2, 100)")
        conn = psycopg.connect(doomed.url(), autocommit=autocommit)
        conn.execute("UPDATE accounts SET balance = balance - 30 WHERE id = 1")
        if commit:
            conn.execute("UPDATE accounts SET balance = balance + 30 WHERE id = 2")
            conn.commit()
        doomed.kill()
        conn.close()
        doomed.restart()
        with psycopg.connect(doomed.url()) as later:
            return dict(later.execute("SELECT * FROM accounts ORDER BY id").fetchall())


print("each statement on its own:  ", pull_the_plug(autocommit=True))
print("in a transaction, no COMMIT:", pull_the_plug(autocommit=False))
print("after COMMIT has returned:  ", pull_the_plug(autocommit=False, commit=True))

# %% [markdown]
# Without a transaction 30 are gone: the first statement was a whole transaction by itself.
# With one, the unfinished change has never happened; and what COMMIT confirmed is there, because its log record was on disk before COMMIT returned.
#
# That was one moment of dying.
# There are more: your process can die before each statement, and the connection can break before a statement arrives or *after it was done, before you hear of it*.
# The next cell plays every one of them, through a proxy that cuts the connection there.

# %%
def halves(conn, amount):
    conn.autocommit = True
    conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = 1", [amount])
    conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = 2", [amount])
    conn.autocommit = False


def whole(conn, amount):
    with conn.transaction():
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = 1", [amount])
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = 2", [amount])


def lost_money(rows, run):
    total = sum(balance for _, balance in rows)
    return "" if total == 200 else f"The accounts hold {total} together, 200 went in"


BALANCES = {"tables": ["accounts"], "look": "SELECT id, balance FROM accounts ORDER BY id"}

# %%
for function in (halves, whole):
    found = every_crash(db, (function, 30), wrong=lost_money, **BALANCES)
    lost = len(found.failures)
    print(f"{function.__name__:7} {len(found.runs):2} ways to end, money lost in {lost}")

raised = [run for run in found.runs if run.endings == ["raised"]]
moved = next(run for run in raised if dict(run.state)[2] == 130)
still(moved, "The caller got an error, and the money has moved")

# %% [markdown]
# Atomicity says *all or nothing*; it does not say that the caller knows which.
# When the reply to COMMIT is lost, the change is there and your code holds an exception.
# Trying again then pays twice: that is what idempotency keys are for (lesson 10).
#
# Sources: PostgreSQL manual, "Reliability and the Write-Ahead Log"; Jim Gray, "The Transaction Concept" (1981).

# %% [markdown]
# ## Snapshots
#
# PostgreSQL never changes a row in place.
# An UPDATE writes a new version and notes in the old one who replaced it: `xmin` is the transaction that made a version, `xmax` the one that ended it.
# They are hidden columns; ask for them and you get them.
#
# `%%session A` runs a cell in a live session of its own, as a second terminal would.

# %%
# %%session A
# BEGIN;
# UPDATE wallet SET balance = 70 WHERE id = 1;

# %% tags=["nbval-ignore-output"]
# %%session B
# SELECT ctid, xmin, xmax, balance FROM wallet;

# %% [markdown]
# B sees 100, and sees in `xmax` that somebody is about to end this version.
# Transaction numbers differ at every run, so the picture names them by session; it is read from the table's page with the extension `pageinspect`.
#
# **Predict.** How many versions are on the page now, and which one does A read?

# %%
watch = RowWatch(db, "wallet", show="balance")
watch.look("A", "B")

# %% [markdown]
# Two versions, and each reader is right by its own lights: that is *multi-version concurrency control*.
# Nobody waited.
#
# Now C begins a transaction at REPEATABLE READ and looks; A commits; then D writes and changes its mind.

# %%
# %%session C
# BEGIN ISOLATION LEVEL REPEATABLE READ;
# SELECT balance FROM wallet;

# %%
# %%session A
# COMMIT;

# %%
# %%session D
# BEGIN;
# UPDATE wallet SET balance = 5 WHERE id = 1;

# %%
watch.look("B", "C", "D")

# %%
# %%session D
# ROLLBACK;

# %%
watch.look("B", "C")

# %% [markdown]
# COMMIT and ROLLBACK did not touch these versions: they only changed what is known about a transaction, which is why neither of them has to visit the rows again.
# B, at READ COMMITTED, takes a new snapshot for each statement and reads what A committed.
# C keeps the snapshot of its first statement and goes on reading 100.
#
# That difference is what a report over several queries stands or falls with.

# %%
# %%session C
# SELECT balance FROM wallet;
# COMMIT;
# SELECT balance FROM wallet;

# %%
# %session close

# %% [markdown]
# **In production.** A page that shows a total and its parts, an export in batches, a backup: all their queries belong into one REPEATABLE READ READ ONLY transaction.
#
# Sources: PostgreSQL manual, "Concurrency Control"; `pageinspect`.

# %% [markdown]
# ## Lost updates
#
# Snapshots keep readers honest; they do not help somebody who reads, thinks and writes.
#
# **Predict.** Ten lamps are in stock.
# A and B each look, each sell some, each write down what they computed.
# A sells 3, B sells 4.
# What is left?

# %%
# %%session A
# BEGIN;
# SELECT on_hand FROM stock WHERE product = 'lamp';

# %%
# %%session B
# BEGIN;
# SELECT on_hand FROM stock WHERE product = 'lamp';

# %%
# %%session A
# UPDATE stock SET on_hand = 7 WHERE product = 'lamp';

# %% tags=["nbval-ignore-output"]
# %%session B
# UPDATE stock SET on_hand = 6 WHERE product = 'lamp';

# %% [markdown]
# B's cell came back at once and says that it **waits for A**: two transactions never have an unfinished write to the same row.
# When A commits, B goes on, and its cell is completed in place.

# %%
# %%session A
# COMMIT;

# %%
# %%session B
# COMMIT;
# SELECT on_hand FROM stock WHERE product = 'lamp';

# %% [markdown]
# Seven lamps were sold and four are missing from the books.
# The wait changed nothing, because B had decided before it waited.
#
# Was that bad luck with the order?
# Here is the same mistake in a function, and an instrument that plays **every order** in which the server can get the statements of two calls.

# %%
# %session close


def naive(conn, source, target, amount):
    row = conn.execute("SELECT balance FROM accounts WHERE id = %s", [source]).fetchone()
    left = row[0] - amount
    if left >= 0:
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", [left, source])
        conn.execute(
            "UPDATE accounts SET balance = balance + %s WHERE id = %s", [amount, target]
        )
    conn.commit()


two_calls = [(naive, 1, 2, 30), (naive, 1, 2, 50)]
found = every_order(db, two_calls, wrong=lost_money, **BALANCES)
print(f"{len(found.runs)} orders, money appears in {len(found.failures)} of them")
print("right:", [run.schedule for run in found.runs if not run.problem])

# %% [markdown]
# Only the orders in which one call is over before the other begins are right, and a test that makes one call after the other sees nothing else.
# This is the simplest wrong one: step through it, or read it as a whole where nothing moves.

# %%
steps(found.counterexample)

# %% [markdown]
# **Fix it.** Three ways out, compared below under "Optimistic and pessimistic": take the row before deciding on it, put the decision into the writing statement, or let the server refuse the second writer.
#
# **In production.** In review, look for a value that is read, changed in the program and written back: `balance = %s` is suspicious where `balance = balance - %s` is not.
# An ORM's `account.balance -= 30` is the first kind.

# %% [markdown]
# ## Write skew
#
# At REPEATABLE READ the second writer of a *row* is refused.
#
# **Predict.** The rule says one admin must stay active.
# Dana and Omar each count two, and each resigns, at REPEATABLE READ.
# They write different rows.
# Who is refused?

# %%
# %%session Dana
# BEGIN ISOLATION LEVEL REPEATABLE READ;
# SELECT count(*) FROM admins WHERE active;
# UPDATE admins SET active = false WHERE name = 'Dana';

# %%
# %%session Omar
# BEGIN ISOLATION LEVEL REPEATABLE READ;
# SELECT count(*) FROM admins WHERE active;
# UPDATE admins SET active = false WHERE name = 'Omar';
# COMMIT;

# %%
# %%session Dana
# COMMIT;
# SELECT count(*) AS active_admins FROM admins WHERE active;

# %% [markdown]
# Nobody: neither wrote what the other wrote, each wrote what the other had *read*.
# No row-level conflict exists for the server to see, unless you make one (lock the rows you counted, or one row that stands for the rule) or ask it to watch reads too (SERIALIZABLE).
#
# The same pattern: two bookings of one room, two uses of one voucher, a username checked and then inserted (there a unique or exclusion constraint is the shorter answer).

# %%
# %session close

# %% [markdown]
# ## Ten anomalies, three levels
#
# Lost update and write skew are two of ten named anomalies.
# The SQL standard names three and defines them loosely; the list here is Adya's, and the idea of one small program for each is Martin Kleppmann's *Hermitage*.
#
# The next cell runs all ten programs at all three levels, on the server that is running now.
#
# **Predict.** In how many of the thirty cells does the anomaly happen?

# %%
draw_grid(db)

# %% [markdown]
# Read it by columns.
# READ COMMITTED, the default, rules out what involves *uncommitted* data and little else.
# REPEATABLE READ is snapshot isolation: everything about reading is settled, and what is left is deciding on one row and writing another.
# SERIALIZABLE leaves nothing.
# READ UNCOMMITTED is missing because PostgreSQL treats it as READ COMMITTED (manual, "Transaction Isolation").
#
# Any cell can be watched: change the two words and run it again.

# %%
from grader.instruments.anomalies import ANOMALIES, laboratory, play

name, level = "G-single", "READ COMMITTED"
anomaly = next(a for a in ANOMALIES if a.name == name)
with laboratory(db.url(), db.url("admin")) as (stage, connection):
    found = play(stage, connection, anomaly, level)
print(f"{name} at {level}: happens in {len(found.failures)} of {len(found.runs)} orders")
steps(found.counterexample or found.runs[0])

# %% [markdown]
# Sources: Atul Adya, "Weak Consistency" (1999); Bailis et al., "Highly Available Transactions" (2013); Kleppmann, "Testing the I in ACID" (2014); Berenson et al., "A Critique of ANSI SQL Isolation Levels" (1995).

# %% [markdown]
# ### The read-only anomaly
#
# A transaction that only reads cannot spoil anything, can it?
#
# A deposit of 20 goes into savings; a withdrawal of 10 from checking costs a fee of 1 if both accounts together hold less than that.
# A third transaction just prints both balances.

# %%
LOOK = "SELECT account, balance FROM bank ORDER BY account"

def deposit(conn, level):
    conn.isolation_level = level
    conn.execute("UPDATE bank SET balance = 20 WHERE account = 'savings'")
    conn.commit()

def withdraw(conn, level):
    conn.isolation_level = level
    held = dict(conn.execute(LOOK).fetchall())
    fee = 1 if sum(held.values()) < 10 else 0
    left = held["checking"] - 10 - fee
    conn.execute("UPDATE bank SET balance = %s WHERE account = 'checking'", [left])
    conn.commit()

def report(conn, level):
    conn.isolation_level = level
    seen = dict(conn.execute(LOOK).fetchall())
    conn.commit()
    return seen

# %%
from itertools import groupby

from psycopg import IsolationLevel


def outcome(run):
    return run.state, [reply.value for reply in run.replies]


def inexplicable(found):
    """Orders in which all committed and that came out as no order one after the other does."""
    turns = {run.schedule: [who for who, _ in groupby(run.schedule.split())] for run in found.runs}
    serial = [outcome(run) for run in found.runs if len(turns[run.schedule]) == len(run.replies)]
    committed = [run for run in found.runs if not run.serialization_failures]
    return [run for run in committed if outcome(run) not in serial]


bank = {"tables": ["bank"], "look": LOOK}
odd = {}
for level in (IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE):
    for calls in ([deposit, withdraw], [deposit, withdraw, report]):
        found = every_order(db, [(call, level) for call in calls], **bank)
        odd[level, len(calls)] = inexplicable(found)
        names = ", ".join(call.__name__ for call in calls)
        print(f"{level.name:16} {names:25} {len(odd[level, len(calls)])} of {len(found.runs)} inexplicable")

# %%
first = odd[IsolationLevel.REPEATABLE_READ, 3][0]
why = "The report has seen the deposit and no withdrawal, and yet there was a fee"
still(first, why, names=["deposit", "withdrawal", "report"])

# %% [markdown]
# Without the reader every outcome is that of some serial order; the fee, for one, of the withdrawal before the deposit.
# The report has seen them the other way round, so no order explains all three: a reader has made two innocent transactions contradict each other, and only SERIALIZABLE refuses that.
#
# Sources: Fekete, O'Neil and O'Neil, "A Read-Only Transaction Anomaly Under Snapshot Isolation" (2004); Ports and Grittner, "Serializable Snapshot Isolation in PostgreSQL" (2012).

# %% [markdown]
# ## SERIALIZABLE and retries
#
# SERIALIZABLE does not make anybody wait for a reader: it lets everybody go on, watches who read what others wrote, and refuses one when the pattern could be a cycle.
# So it has a price: **any** statement, COMMIT included, may fail with SQLSTATE 40001, and the answer is to run the whole transaction again.

# %%
# %%sql
# UPDATE admins SET active = true;

# %%
# %%session Dana
# BEGIN ISOLATION LEVEL SERIALIZABLE;
# SELECT count(*) FROM admins WHERE active;
# UPDATE admins SET active = false WHERE name = 'Dana';

# %%
# %%session Omar
# BEGIN ISOLATION LEVEL SERIALIZABLE;
# SELECT count(*) FROM admins WHERE active;
# UPDATE admins SET active = false WHERE name = 'Omar';
# COMMIT;

# %%
# %%session Dana
# COMMIT;

# %% [markdown]
# **Break it.** A tempting cure is to repeat only what failed.

# %%
# %%session Dana
# BEGIN ISOLATION LEVEL SERIALIZABLE;
# SELECT on_hand FROM stock WHERE product = 'lamp';

# %%
# %%session Omar
# UPDATE stock SET on_hand = on_hand - 1 WHERE product = 'lamp';

# %%
# %%session Dana
# UPDATE stock SET on_hand = on_hand - 1 WHERE product = 'lamp';

# %%
# %%session Dana
# UPDATE stock SET on_hand = on_hand - 1 WHERE product = 'lamp';

# %% [markdown]
# The transaction is over (25P02), and with it everything it had read: the decision has to be taken anew, on new data.
# A retry therefore wraps the *whole* unit of work, reading included, and nothing in the unit may reach outside: an e-mail sent in the middle is sent twice.

# %%
# %session close
def again(level, work):
    def unit(conn, *arguments):
        conn.isolation_level = level
        while True:
            try:
                return work(conn, *arguments)
            except psycopg.errors.SerializationFailure:
                conn.rollback()
    return unit


unit = again(IsolationLevel.SERIALIZABLE, naive)
two_calls = [(unit, 1, 2, 30), (unit, 1, 2, 50)]
found = every_order(db, two_calls, wrong=lost_money, **BALANCES)
compare({"SERIALIZABLE, retried": found})

# %%
refused = found.simplest(lambda run: bool(run.serialization_failures))
still(refused, "Refused, tried again, right")

# %% [markdown]
# The naive function is untouched, and no order is wrong any more.
# This loop is a sketch: without a bound it can go on for ever, and without a random pause two calls can keep running into each other; the lab asks for a proper one.
#
# **In production.** All transactions that share a rule must run at SERIALIZABLE, or the server does not see the ones that do not.
# Count 40001 and 40P01; a rising share means contention on a few rows.
# Declare readers READ ONLY: they are then much cheaper to watch.

# %% [markdown]
# ## Optimistic and pessimistic
#
# *Pessimistic*: take the row first, so that nobody else can; the others wait.
# *Optimistic*: work, and check at the end that nobody was faster; the slower one starts over.
#
# **Predict.** Two calls sell 3 and 4 of ten lamps at the same time.
# Which of the four cures below needs the most statements, and is there one in which nobody ever waits?

# %%
LAMP = "SELECT on_hand, version FROM stock WHERE product = 'lamp'"
SELL = "UPDATE stock SET on_hand = on_hand - %s WHERE product = 'lamp'"
WRITE = "UPDATE stock SET on_hand = %s, version = version + 1 WHERE product = 'lamp'"

def lock_first(conn, amount):
    conn.execute(LAMP + " FOR NO KEY UPDATE")
    conn.execute(SELL, [amount])
    conn.commit()

def one_statement(conn, amount):
    conn.execute(SELL + " AND on_hand >= %s", [amount, amount])
    conn.commit()

def version_check(conn, amount):
    done = 0
    while not done:
        held, seen = conn.execute(LAMP).fetchone()
        conn.commit()  # nothing is held while anybody thinks
        done = conn.execute(WRITE + " AND version = %s", [held - amount, seen]).rowcount
        conn.commit()

def read_and_write(conn, amount):
    held, _ = conn.execute(LAMP).fetchone()
    conn.execute(WRITE, [held - amount])
    conn.commit()

# %%
cures = {
    "nothing": read_and_write,
    "lock first": lock_first,
    "one statement": one_statement,
    "version check": version_check,
    "REPEATABLE READ, retried": again(IsolationLevel.REPEATABLE_READ, read_and_write),
}
with db.connect() as conn:
    conn.execute("UPDATE stock SET on_hand = 10")


def seven_sold(rows, run):
    return "" if rows[0][0] == 3 else f"{rows[0][0]} left, must be 3"


STOCK = {"tables": ["stock"], "look": LAMP, "wrong": seven_sold}
compare({
    cure: every_order(db, [(function, 3), (function, 4)], **STOCK)
    for cure, function in cures.items()
})

# %% [markdown]
# All four cures are right in every order; they differ in who pays.
# Waiting occurs in all of them, for a row that is being written is locked until its writer ends; what differs is how long that can be.
# With *lock first* it is as long as the first call thinks, so such a lock must never be held across a person or a call to somebody else.
# A *version check* survives a coffee break, because nothing is open meanwhile; when others are faster it does its work again and again, which is where its many statements come from.
# One statement that decides and writes is hard to beat where the decision fits into it.
#
# **In production.** Few conflicts, or a person in between: optimistic.
# Many conflicts on one row, short work: pessimistic, or one statement.
# A form that is edited needs a version in the form.

# %% [markdown]
# ## Locks and the queue behind them
#
# A row that was written stays locked until its writer commits or rolls back, as A's lamp above; but tables are locked too.
# Every statement takes a lock on its tables, and even a SELECT holds its (weak) one until the transaction ends.
#
# **Predict.** A has read `stock` and left its transaction open.
# A deployment wants to add a column.
# Then B reads `stock`, which certainly does not conflict with A.
# Does B get through?

# %%
# %%session A
# BEGIN;
# SELECT count(*) FROM stock;

# %% tags=["nbval-ignore-output"]
# %%session Deploy
# ALTER TABLE stock ADD COLUMN shelf text;

# %% tags=["nbval-ignore-output"]
# %%session B
# SELECT on_hand FROM stock WHERE product = 'chair';

# %% tags=["nbval-ignore-output"]
# %%session C
# UPDATE stock SET on_hand = 9 WHERE product = 'chair';

# %% [markdown]
# ### Who blocks whom
#
# Three sessions wait now.
# Which one would you end?

# %%
draw_queue(db)

# %% [markdown]
# Locks are a queue, and nobody overtakes: B and C conflict with the migration, and it is before them.
# An idle transaction and a migration that takes a millisecond have stopped the shop.
# The picture is asked of `pg_stat_activity` and `pg_blocking_pids()`; the session to end is A, which waits for nobody, not Deploy, which is merely the one that everybody names.

# %%
# %%session A
# COMMIT;

# %% [markdown]
# **Fix it.** A migration that cannot have its lock soon gives up, and is tried again later.

# %%
# %session close
reader = db.connect(autocommit=False)
reader.execute("SELECT count(*) FROM stock")
with db.connect() as migration:
    migration.execute("SET lock_timeout = '50ms'")
    try:
        migration.execute("ALTER TABLE stock ADD COLUMN aisle text")
    except psycopg.errors.LockNotAvailable as error:
        print(error.sqlstate, error)
reader.close()

# %% [markdown]
# A queue of jobs wants the opposite of waiting: take a row that nobody has.

# %%
# %%session A
# BEGIN;
# SELECT product FROM stock ORDER BY product LIMIT 1 FOR UPDATE SKIP LOCKED;

# %%
# %%session B
# SELECT product FROM stock ORDER BY product LIMIT 1 FOR UPDATE SKIP LOCKED;

# %%
# %session close

# %% [markdown]
# **In production.** Set `lock_timeout` in every migration and `idle_in_transaction_session_timeout` for the application's role.
# Alert on the age of the oldest waiting session.
# `pg_cancel_backend` ends a statement, `pg_terminate_backend` a session: an idle transaction has no statement to cancel.

# %% [markdown]
# ## Deadlocks
#
# Two baskets hold the same two products, put in in different order.

# %%
def take(conn, products):
    for product in products:
        conn.execute("UPDATE stock SET on_hand = on_hand - 1 WHERE product = %s", [product])
    conn.commit()

def take_sorted(conn, products):
    take(conn, sorted(products))

there, back = ["lamp", "chair"], ["chair", "lamp"]
baskets = {"tables": ["stock"], "look": "SELECT * FROM stock ORDER BY product"}
found = {
    "as they come": every_order(db, [(take, there), (take, back)], **baskets),
    "sorted": every_order(db, [(take_sorted, there), (take_sorted, back)], **baskets),
}
compare(found)

# %%
circle = found["as they come"].simplest(lambda run: bool(run.deadlocks))
still(circle, "Each waits for the other: the server ends one of them")

# %% [markdown]
# Nobody is refused without a circle, so each refusal in the first row is a deadlock.
# Neither call is wrong alone; the circle is.
# The server looks for circles once somebody has waited for `deadlock_timeout`, and refuses one statement with 40P01; its transaction is lost and may be run again.
# If everybody takes things in one order, there is no circle: sorting is the whole cure.
# Mind the hidden ones: foreign keys lock the row they point to, and one UPDATE of many rows takes them in the order of its plan (manual, "Explicit Locking").

# %%
# %%sql
# SELECT boot_val || unit AS server_default, current_setting('deadlock_timeout') AS in_this_lesson
# FROM pg_settings WHERE name = 'deadlock_timeout';

# %% [markdown]
# **In production.** A deadlock is a bug in the order of locks, seldom a reason for fewer transactions.
# Log both statements (the server's log has them) and retry like 40001.

# %% [markdown]
# ## Long transactions and vacuum
#
# Old versions must stay for as long as somebody may read them.
#
# **Predict.** One row is updated 1,000 times.
# Its table needs one page.
# What does it need if, meanwhile, another session has looked once at *another* table, at REPEATABLE READ, and then does nothing?

# %%
PAGES = "SELECT pg_relation_size('views') / current_setting('block_size')::int"
DEAD = "SELECT dead_tuple_count FROM pgstattuple('views')"


def pages_while(held, batches=5, updates=200):
    with db.connect() as conn, db.connect(autocommit=False) as idle:
        conn.execute("DROP TABLE IF EXISTS views")
        conn.execute("CREATE TABLE views WITH (autovacuum_enabled = off) AS SELECT 1 id, 0 seen")
        conn.execute("SET synchronous_commit = off")
        if held:
            idle.isolation_level = IsolationLevel.REPEATABLE_READ
            idle.execute("SELECT balance FROM wallet")
        points = []
        for batch in range(batches):
            points.append((batch * updates, conn.execute(PAGES).fetchone()[0]))
            conn.execute(f"""DO $$ BEGIN FOR i IN 1..{updates} LOOP
                UPDATE views SET seen = seen + 1; COMMIT; END LOOP; END $$""")
        points.append((batches * updates, conn.execute(PAGES).fetchone()[0]))
        conn.execute("VACUUM views")
        left = conn.execute(DEAD).fetchone()[0]
        idle.rollback()
        conn.execute("VACUUM views")
        return points, (left, conn.execute(DEAD).fetchone()[0])

# %%
from grader.notebook.picture import Picture
from grader.show.curves import curves_svg, curves_text

alone, _ = pages_while(held=False)
held, (before, after) = pages_while(held=True)
print(f"dead versions after VACUUM, the idle transaction open: {before}, ended: {after}")
curves = {"nobody else": alone, "one idle transaction": held}
Picture(curves_svg(curves, "updates", "pages"), curves_text(curves, "updates", "pages"))

# %% [markdown]
# Nobody was blocked and nothing failed; every reader of that one row just walks through more and more pages.
# VACUUM cannot help while the old snapshot lives, and the table that suffers is not the one that the idle session has read: every table of the database does.
#
# **In production.** Alert on `max(age(backend_xmin))` in `pg_stat_activity`, on old rows of `pg_prepared_xacts` and on abandoned replication slots: all hold the same horizon back.

# %% [markdown]
# ## Advisory locks
#
# Some things to be taken are not rows: a nightly job that one of five machines should run.
# An advisory lock is a number everybody agrees on.

# %%
# %%session N1
# SELECT pg_try_advisory_lock(hashtext('nightly')) AS mine;

# %%
# %%session N2
# SELECT pg_try_advisory_lock(hashtext('nightly')) AS mine;

# %% [markdown]
# **Predict.** N1's machine is switched off in the middle of the job.
# Who has to clean up?

# %%
# %%sql
# SELECT pg_terminate_backend(pid, 5000) AS gone FROM pg_stat_activity
# WHERE datname = current_database() AND application_name = 'session N1';

# %%
# %%session N2
# SELECT pg_try_advisory_lock(hashtext('nightly')) AS mine;

# %% [markdown]
# Nobody: the lock ends with the session, which a row `running = true` would not.
#
# **Break it.** That the session holds it, not the transaction, is also the trap.

# %%
# %%session N2
# BEGIN;
# SELECT pg_try_advisory_lock(4711);
# ROLLBACK;
# SELECT count(*) AS still_held FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711;

# %% [markdown]
# In a pool the connection goes back with the lock still held, and the next borrower owns it without knowing.
# `pg_advisory_xact_lock` ends with the transaction; prefer it wherever the work fits into one.
# And a lock says who runs *now*, not whether the job has run already: that is a row with a unique key.

# %%
# %session close
db.drop()

# %% [markdown]
# ## Key points
#
# - A transaction is all or nothing, whoever dies; when the reply to COMMIT is lost, only the database knows which.
# - Every write makes a new version; a snapshot decides which one you read, per statement at READ COMMITTED, per transaction from REPEATABLE READ on.
# - Reading, deciding and writing back loses updates; deciding on one row and writing another skews; the grid says which level stops what.
# - The session to blame for a queue is the one at its root that waits for nobody, usually idle in a transaction.
# - Lock, condition, version or retry are all right: they differ in who waits, who repeats, and what may happen while somebody thinks.
#
# Now the lab: [labs/04-transactions](../labs/04-transactions/04-transactions.ipynb).
