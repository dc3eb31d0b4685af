# fails: others_go_on -- "had to wait for" "nothing to do with each other"
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('transfer'))")
        rows = dict(
            conn.execute("SELECT id, balance FROM accounts WHERE id = ANY (%s)", ([source, target],)).fetchall()
        )
        if len(rows) < 2:
            raise UnknownAccount("no such account")
        if rows[source] < amount:
            raise InsufficientFunds(source)
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
