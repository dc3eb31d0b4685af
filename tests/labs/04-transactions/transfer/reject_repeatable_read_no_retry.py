# fails: every_transfer_answered -- "SerializationFailure" "has to be tried again"
# The right isolation level, and the server's refusal is passed on to the customer.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with conn.transaction():
        rows = dict(
            conn.execute("SELECT id, balance FROM accounts WHERE id = ANY (%s)", ([source, target],)).fetchall()
        )
        if len(rows) < 2:
            raise UnknownAccount("no such account")
        if rows[source] < amount:
            raise InsufficientFunds(source)
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (rows[source] - amount, source))
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (rows[target] + amount, target))
