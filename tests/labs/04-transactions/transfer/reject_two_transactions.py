# fails: all_or_nothing -- "did not arrive" "two chances to stop in between"
# Each update is safe; between the two commits the money is nowhere.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    if conn.execute("SELECT 1 FROM accounts WHERE id = %s", (target,)).fetchone() is None:
        conn.rollback()
        raise UnknownAccount(target)
    taken = conn.execute(
        "UPDATE accounts SET balance = balance - %s WHERE id = %s AND balance >= %s", (amount, source, amount)
    )
    if taken.rowcount == 0:
        conn.rollback()
        raise InsufficientFunds(source)
    conn.commit()
    conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
    conn.commit()
