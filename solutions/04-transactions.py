# %% [markdown]
# # Lab 04: transactions and isolation
#
# Ten exercises, each judged by running your own code against a real PostgreSQL.
# Where calls meet, the judge plays **every order** in which the server can get their statements, and strikes every boundary with a crash or a lost reply.
# When one of them breaks your answer you see it as a timeline, and `lab.replay("transfer", "1 2 2 1")` steps through it.
#
# What holds in every exercise unless it says otherwise:
#
# - `conn` is an open psycopg 3 connection, not in autocommit mode and not in a transaction.
# - When your function returns, its effect is **committed**.
# - When it raises, nothing has changed; a transaction left open then is rolled back by the pool the connection came from.
# - What must be remembered stands in the tables. Between two tries the judge puts them back to their first rows, also under a process that goes on: what you keep in variables would outlive them.
# - Typed errors come from `grader.shop.errors` and are imported below; an exception class of your own is as good.
# - Any cure will do: locks, conditions in the statement, isolation levels with retries, advisory locks.

# %% context

# %% [markdown]
# ## Thirty predictions
#
# Ten anomalies, three isolation levels: which of them does **this** PostgreSQL allow, and which does it prevent?
# Fill `predict_anomalies` with `"allowed"` or `"prevented"`: for each anomaly a row for READ COMMITTED, REPEATABLE READ and SERIALIZABLE, in this order.
# A dict of dicts with the names of the levels as keys does as well.
#
# | name | what happens |
# |---|---|
# | G0 | dirty write: two transactions overwrite each other's uncommitted writes and leave a mixture |
# | G1a | aborted read: somebody reads what another wrote and then took back |
# | G1b | intermediate read: somebody reads a value that its writer replaced before committing |
# | G1c | circular information flow: each of two transactions reads what the other wrote |
# | OTV | observed transaction vanishes: somebody sees a transaction's writes, then no longer sees some of them |
# | PMP | predicate-many-preceders: the same condition, asked twice, finds a row that was committed in between |
# | P4 | lost update: both read an item, both write it, the first write is gone |
# | G-single | read skew: one item from before somebody's change of two items, the other from after it |
# | G2-item | write skew: each reads two items and writes one of them, each another one |
# | G2 | anti-dependency cycle: each finds that no row matches, each adds one that does |
#
# The check runs all thirty on the installed server and compares.
# "Prevented" includes: the server makes one wait, or refuses one.

# %% answer="predict_anomalies"
### BEGIN SOLUTION
# No level here ever shows uncommitted data; one snapshot for the whole transaction removes everything that two
# snapshots allow, and only SERIALIZABLE watches reads. Other servers differ: the names of the levels promise little.
never, always = "prevented", "allowed"
predict_anomalies = {name: (never, never, never) for name in ("G0", "G1a", "G1b", "G1c", "OTV")}
predict_anomalies |= {name: (always, never, never) for name in ("PMP", "P4", "G-single")}
predict_anomalies |= {name: (always, always, never) for name in ("G2-item", "G2")}
### END SOLUTION

# %% check="predict_anomalies"

# %% [markdown]
# ## A transfer
#
# `transfer(conn, source, target, amount)` moves `amount` (a positive `Decimal`) from one row of `accounts` to another one.
#
# - Alone it takes exactly `amount` from `source` and adds it to `target`; moving all there is is allowed.
# - It raises, and changes nothing, when the source holds too little (`InsufficientFunds`), when either account does not exist (`UnknownAccount`), or when `amount` is zero or negative (`InvalidAmount`).
# - Whoever else transfers at the same time: no money appears or vanishes, no balance goes below zero, and every call does its work or is refused for one of the reasons above. A deadlock or a serialization failure is not one of them.
# - Killed anywhere, it has moved all of the money or none.
# - Two transfers between different accounts never wait for each other.
#
# Example: with 100.00 in account 1, `transfer(conn, 1, 2, Decimal("30.00"))` leaves 70.00 there.

# %% answer="transfer"
def transfer(conn: psycopg.Connection, source: int, target: int, amount: Decimal) -> None:
    """Moves `amount` from account `source` to account `target` and commits.

    Raises InsufficientFunds, UnknownAccount or InvalidAmount; then nothing has changed.
    """
    ### BEGIN SOLUTION
    # Both rows are locked before anything is decided, always in the order of their ids, so nobody can change
    # what was read and two opposite transfers queue up instead of locking each other out.
    # One UPDATE with the condition inside holds its locks shorter; SERIALIZABLE needs no locks but a retry loop.
    if amount <= 0:
        raise InvalidAmount(f"cannot transfer {amount}")
    if source == target:
        raise SameAccount(f"{source} is source and target")
    with conn.transaction():
        held = dict(
            conn.execute(
                "SELECT id, balance FROM accounts WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE",
                [[source, target]],
            ).fetchall()
        )
        for account in (source, target):
            if account not in held:
                raise UnknownAccount(f"there is no account {account}")
        if held[source] < amount:
            raise InsufficientFunds(f"account {source} holds {held[source]}, {amount} were asked for")
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", [amount, source])
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", [amount, target])
    ### END SOLUTION


# %% check="transfer"

# %% [markdown]
# ## A reservation
#
# `reserve_stock(conn, product_id, quantity)` takes `quantity` pieces (a positive `int`) of a product out of `inventory.on_hand`.
#
# - All that is on hand may be taken, never more: then it raises `OutOfStock` and takes nothing.
# - An unknown product raises `UnknownProduct`, a quantity of zero or less `InvalidAmount`.
# - Whoever else reserves at the same time: no reservation is lost, the stock never goes below zero, not even for a moment, and each call takes its pieces or is refused because they are gone. Meeting somebody else is no reason to be refused or to fail.
# - Customers of different products never wait for each other.
#
# Example: with 10 on hand, two calls for 6 at once leave 4, and one of them raises `OutOfStock`.

# %% answer="reserve_stock"
def reserve_stock(conn: psycopg.Connection, product_id: int, quantity: int) -> None:
    """Takes `quantity` pieces of a product out of the stock and commits.

    Raises OutOfStock, UnknownProduct or InvalidAmount; then nothing has changed.
    """
    ### BEGIN SOLUTION
    # Looking and taking are one statement, and the server re-checks the condition on the newest row once it has the
    # lock, so nobody can come between. SELECT ... FOR UPDATE does the same in two steps; compare-and-set in a loop
    # does it without waiting, at the price of going round again when many want the same product.
    if quantity <= 0:
        raise InvalidAmount(f"cannot reserve {quantity} pieces")
    with conn.transaction():
        taken = conn.execute(
            "UPDATE inventory SET on_hand = on_hand - %(n)s WHERE product_id = %(id)s AND on_hand >= %(n)s",
            {"n": quantity, "id": product_id},
        ).rowcount
        if not taken:
            row = conn.execute("SELECT on_hand FROM inventory WHERE product_id = %s", [product_id]).fetchone()
            if row is None:
                raise UnknownProduct(f"there is no product {product_id}")
            raise OutOfStock(f"{row[0]} pieces are left, {quantity} were asked for")
    ### END SOLUTION


# %% check="reserve_stock"

# %% [markdown]
# ## A new name
#
# Somebody opened the edit form of a product, thought for ten minutes, and pressed save.
# `rename_product(conn, product_id, name, expected_version)` sets `products.name` if `products.version` is still what the form was opened with.
#
# - If it is, the name is set and the version is one higher.
# - If it is not, or there is no such product, it raises (`StaleVersion`, `UnknownProduct`) and changes nothing.
# - Of several calls with the same version at the same moment exactly one wins; the others hear `StaleVersion` (or your own typed error), not an error of the database.
# - Nobody with the current version is refused because somebody with an older one is there at the same moment.
# - When the call has ended, **also when it raised**, the connection is idle and holds no lock: the user may think for another ten minutes. Here nobody rolls back for you.
# - Renaming one product never waits for renaming another.

# %% answer="rename_product"
def rename_product(conn: psycopg.Connection, product_id: int, name: str, expected_version: int) -> None:
    """Renames a product that is still in `expected_version`, moves the version on by one, and commits.

    Raises StaleVersion or UnknownProduct; then nothing has changed and no transaction is open.
    """
    ### BEGIN SOLUTION
    # The version is compared in the statement that writes, so a stale writer finds no row, and no lock spans the
    # user's thinking. A short SELECT ... FOR UPDATE works as well; a lock held from opening the form does not.
    with conn.transaction():
        renamed = conn.execute(
            "UPDATE products SET name = %s, version = version + 1, updated_at = now() WHERE id = %s AND version = %s",
            [name, product_id, expected_version],
        ).rowcount
        if not renamed:
            if conn.execute("SELECT 1 FROM products WHERE id = %s", [product_id]).fetchone() is None:
                raise UnknownProduct(f"there is no product {product_id}")
            raise StaleVersion(f"product {product_id} has changed since version {expected_version}")
    ### END SOLUTION


# %% check="rename_product"

# %% [markdown]
# ## Somebody stays on call
#
# A hospital's rota is the table
#
# ```sql
# CREATE TABLE doctors (id bigint PRIMARY KEY, name text NOT NULL, on_call boolean NOT NULL);
# ```
#
# `go_off_call(conn, doctor_id)` takes a doctor off call (`on_call = false`), unless nobody would be left: then it raises `NoDoctorLeft` and changes nothing.
#
# - Nobody else's row changes in any case.
# - Whoever else leaves at the same moment: at least one doctor is on call afterwards, and one of those who asked has gone.
# - A call that cannot go through is refused with a typed error; here a serialization failure or a deadlock of the server may also be passed on to the caller.
# - Every cure is welcome, except one that makes those wait who only read the rota.
#
# The table is in the check's database, not in your `shop`.

# %% answer="go_off_call"
def go_off_call(conn: psycopg.Connection, doctor_id: int) -> None:
    """Takes a doctor off call and commits. Raises NoDoctorLeft if that would leave nobody."""
    ### BEGIN SOLUTION
    # All rows the decision rests on are locked, so that two who leave at once meet in a row and the second sees what
    # the first has done. SERIALIZABLE with a retry finds the same conflict without locks; an advisory lock is
    # simplest, if everybody who changes the rota takes it.
    with conn.transaction():
        on_call = [row[0] for row in conn.execute("SELECT id FROM doctors WHERE on_call ORDER BY id FOR UPDATE")]
        if set(on_call) <= {doctor_id}:
            raise NoDoctorLeft(f"doctor {doctor_id} is the last one on call")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", [doctor_id])
    ### END SOLUTION


# %% check="go_off_call"

# %% [markdown]
# ## Settling a batch
#
# `settle(conn, transfers)` carries out a list of transfers, each `(source, target, amount)` between rows of `accounts`, as one unit.
#
# - Either all of them are carried out or none: if an account is missing (`UnknownAccount`) or would end below zero (`InsufficientFunds`), it raises and nothing has changed. Whether an account may pay in between what it is paid later in the same batch is up to you. Killed half-way, nothing has changed either.
# - An account may occur many times in a batch; an empty batch is no error.
# - Whatever two batches list, and in whatever order: the server **never** has to break a deadlock, not even one that you would catch.
# - No update is lost, and every batch that can be paid is settled.
# - Batches without a common account never wait for each other.
#
# Example: `settle(conn, [(1, 2, Decimal("10")), (3, 1, Decimal("5"))])`.

# %% answer="settle"
def settle(conn: psycopg.Connection, transfers: list[tuple[int, int, Decimal]]) -> None:
    """Carries out all transfers, or none, and commits. Raises InsufficientFunds or UnknownAccount."""
    ### BEGIN SOLUTION
    # The sum for each account is worked out first and the rows are changed in the order of their ids, so all batches
    # take their locks in one order and queue up. Locking all rows first with ORDER BY id FOR UPDATE costs one more
    # statement and lets you look at balances before changing them.
    net: dict[int, Decimal] = {}
    for source, target, amount in transfers:
        net[source] = net.get(source, Decimal(0)) - amount
        net[target] = net.get(target, Decimal(0)) + amount
    with conn.transaction():
        for account in sorted(net):
            changed = conn.execute(
                "UPDATE accounts SET balance = balance + %s WHERE id = %s RETURNING balance", [net[account], account]
            ).fetchone()
            if changed is None:
                raise UnknownAccount(f"there is no account {account}")
            if changed[0] < 0:
                raise InsufficientFunds(f"account {account} would end at {changed[0]}")
    ### END SOLUTION


# %% check="settle"

# %% [markdown]
# ## Try again, but not everything
#
# `run_transaction(engine, work, attempts=5, sleep=time.sleep)` runs `work(connection)` in a transaction of an SQLAlchemy `engine`, commits, and returns what `work` returned.
#
# - After a serialization failure (SQLSTATE 40001) or a deadlock (40P01), wherever it shows, also at COMMIT, the **whole** of `work` is tried again in a new transaction; only the attempt that succeeds leaves anything behind.
# - Every other error goes to the caller as it is, at once, and nothing is left behind.
# - After `attempts` attempts the last conflict is raised.
# - Between two attempts it calls the `sleep(seconds)` it was given once, with a random number of seconds (at most two minutes), and with no transaction open. The judge passes a `sleep` of its own, which does not take time.

# %% answer="run_transaction"
def run_transaction(engine: sqlalchemy.Engine, work, attempts: int = 5, sleep=time.sleep):
    """Returns `work(connection)`, committed; tries again on 40001 and 40P01, up to `attempts` attempts in all."""
    ### BEGIN SOLUTION
    # Each attempt is a transaction of its own with the commit inside the try, so a conflict anywhere repeats the whole
    # unit and nothing but it. Full jitter spreads those who collided; a growing ceiling gives way under load.
    for attempt in range(1, attempts + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as error:
            conflict = getattr(error.orig, "sqlstate", None) in ("40001", "40P01")
            if not conflict or attempt == attempts:
                raise
        sleep(random.uniform(0, min(2.0, 0.02 * 2**attempt)))
    ### END SOLUTION


# %% check="run_transaction"

# %% [markdown]
# ## A report of one moment
#
# `monthly_report(conn, month)` reports on the month that begins at `month` (a `datetime.date`, the first of a month; months begin at midnight **UTC**, whatever the time zone of the session). It returns a dict:
#
# | key | value |
# |---|---|
# | `orders` | the number of orders placed in the month (`orders.placed_at`) |
# | `revenue` | the sum of their `total` |
# | `paid` | the sum of `payments.amount` with status `captured` that belong to these orders |
#
# - A month without orders has zeros, not NULL.
# - All numbers are of **one moment**, whoever commits between your queries: an order that is in one number is in all of them.
# - Whoever places an order meanwhile does not wait for the report.
#
# The tables are those of the shop as far as they are named here: `orders (id, placed_at, total)`, `payments (id, order_id, amount, status)`.

# %% answer="monthly_report"
def monthly_report(conn: psycopg.Connection, month) -> dict:
    """{"orders": int, "revenue": Decimal, "paid": Decimal} of the month that begins at `month`, as of one moment."""
    ### BEGIN SOLUTION
    # At REPEATABLE READ the first query's snapshot serves the whole transaction, and readers lock nobody out. One
    # statement with three subqueries has one snapshot at any level, as long as the report fits into one statement.
    of_month = "placed_at >= %(m)s::date::timestamp AT TIME ZONE 'UTC' AND placed_at < (%(m)s::date + interval '1 month') AT TIME ZONE 'UTC'"
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        orders, revenue = conn.execute(
            f"SELECT count(*), coalesce(sum(total), 0) FROM orders WHERE {of_month}", {"m": month}
        ).fetchone()
        (paid,) = conn.execute(
            "SELECT coalesce(sum(p.amount), 0) FROM payments p JOIN orders o ON o.id = p.order_id"
            f" WHERE p.status = 'captured' AND {of_month}",
            {"m": month},
        ).fetchone()
    return {"orders": orders, "revenue": revenue, "paid": paid}
    ### END SOLUTION


# %% check="monthly_report"

# %% [markdown]
# ## Who blocks whom
#
# The support line is ringing: nothing moves.
# Sessions wait for locks of sessions that wait themselves, three deep and branching, and at the root one session runs a query that will not end, in a transaction that holds a lock.
# Other sessions, in nobody's way, are older, or run longer.
#
# `who_blocks_whom(conn)` finds the session that others wait for in the end and that waits for nobody, cancels its query or ends it, and returns its process id (`int`).
#
# - All who waited can go on afterwards.
# - No other session is cancelled or ended.
# - When nobody waits for anybody it returns `None` and touches no one.
#
# All sessions belong to your role, so you may see and end them.

# %% answer="who_blocks_whom"
def who_blocks_whom(conn: psycopg.Connection) -> int | None:
    """Cancels or ends the session at the root of a pile-up; returns its process id, None if nobody waits."""
    ### BEGIN SOLUTION
    # The root blocks somebody and is blocked by nobody; neither age nor the number of followers tells it. Cancelling
    # spares the connection but leaves alone a root that sits idle in its transaction, which terminating does not.
    with conn.transaction():
        row = conn.execute(
            "SELECT DISTINCT root FROM pg_stat_activity, unnest(pg_blocking_pids(pid)) AS root"
            " WHERE pg_blocking_pids(root) = '{}' LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        conn.execute("SELECT pg_terminate_backend(%s)", row)
    return row[0]
    ### END SOLUTION


# %% check="who_blocks_whom"

# %% [markdown]
# ## Once a night
#
# Every node of the cluster wakes at midnight and calls `nightly_job(conn, job)`.
# `job()` (a function without arguments, which takes its time) must run **once a night**, on any one of them.
# What has been done is recorded in
#
# ```sql
# CREATE TABLE job_runs (night date PRIMARY KEY, finished_at timestamptz NOT NULL DEFAULT now());
# ```
#
# - The node that runs the job records the night (`current_date`) when the job is done.
# - However the nodes come between each other, at once or one after the other, the job runs exactly once; the other calls return without running it and without raising. They may wait or return at once.
# - If a node dies anywhere on the way, the next node that calls sees to it that the job gets done and recorded.
# - If `job()` raises, the night is not recorded, the error reaches the caller, and the next node may run the job.
#
# The table is in the check's database, not in your `shop`.

# %% answer="nightly_job"
def nightly_job(conn: psycopg.Connection, job) -> None:
    """Runs `job()` and records the night in job_runs, unless another node does or has done so tonight."""
    ### BEGIN SOLUTION
    # The lock belongs to the transaction, so it ends with the node; under it, job_runs tells whether tonight is done,
    # and record and lock end together. A lock of the session keeps no transaction open during a long job, but then
    # it has to be given back by hand, after the record is committed.
    with conn.transaction():
        (mine,) = conn.execute("SELECT pg_try_advisory_xact_lock(hashtext('nightly_job'))").fetchone()
        if mine and conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone() is None:
            job()
            conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    ### END SOLUTION


# %% check="nightly_job"
