# fails: refused_as_a_whole, all_or_nothing -- "changes nothing" "half a batch"
# No deadlocks: every transfer is a transaction of its own.
def settle(conn, transfers):
    for source, target, amount in transfers:
        with conn.transaction():
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
