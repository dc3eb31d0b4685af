# fails: no_overdraft, every_transfer_answered -- "went below zero" "nothing was locked"
# Relative updates lose nothing, but the balance was looked at without a lock.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    with conn.transaction():
        row = conn.execute("SELECT balance FROM accounts WHERE id = %s", (source,)).fetchone()
        other = conn.execute("SELECT 1 FROM accounts WHERE id = %s", (target,)).fetchone()
        if row is None or other is None:
            raise UnknownAccount("no such account")
        if row[0] < amount:
            raise InsufficientFunds(source)
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
