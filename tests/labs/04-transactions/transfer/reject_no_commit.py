# fails: moves_money -- "transaction still open" "rolled back by whoever gets the connection next"
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    rows = dict(
        conn.execute(
            "SELECT id, balance FROM accounts WHERE id IN (%s, %s) ORDER BY id FOR UPDATE", (source, target)
        ).fetchall()
    )
    if len(rows) < 2:
        raise UnknownAccount("no such account")
    if rows[source] < amount:
        raise InsufficientFunds(source)
    conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
    conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
