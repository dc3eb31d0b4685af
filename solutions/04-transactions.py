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
# - Typed errors come from `grader.shop.errors` and are imported below; an exception class of your own is as good.
# - Any cure will do: locks, conditions in the statement, isolation levels with retries, advisory locks.

# %% context

# %% [markdown]
# ## 2. A transfer
#
# `transfer(conn, source, target, amount)` moves `amount` (a positive `Decimal`) from one row of `accounts` to another.
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
