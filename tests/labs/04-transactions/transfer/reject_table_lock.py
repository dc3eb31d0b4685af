# fails: others_go_on -- "had to wait for" "one queue"
# Correct, and everybody waits for everybody.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    with conn.transaction():
        conn.execute("LOCK TABLE accounts IN EXCLUSIVE MODE")
        rows = dict(
            conn.execute("SELECT id, balance FROM accounts WHERE id IN (%s, %s)", (source, target)).fetchall()
        )
        if source not in rows or target not in rows:
            raise UnknownAccount("no such account")
        if rows[source] < amount:
            raise InsufficientFunds(source)
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
