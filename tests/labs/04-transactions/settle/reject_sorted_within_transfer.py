# fails: never_deadlocks -- "a deadlock"
# Each transfer locks its two rows in order, but the transfers follow one another as listed.
def settle(conn, transfers):
    with conn.transaction():
        for source, target, amount in transfers:
            held = dict(
                conn.execute(
                    "SELECT id, balance FROM accounts WHERE id IN (%s, %s) ORDER BY id FOR UPDATE", (source, target)
                ).fetchall()
            )
            if len(held) < 2:
                raise UnknownAccount("missing")
            if held[source] < amount:
                raise InsufficientFunds(source)
            conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
            conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
