# accepts: several statements in one message, with parameters merged by the client
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount()
    with conn.transaction(), psycopg.ClientCursor(conn) as cur:
        cur.execute(
            "SELECT 1 FROM accounts WHERE id IN (%(s)s,%(t)s) ORDER BY id FOR UPDATE; SELECT balance FROM accounts WHERE id=%(s)s; SELECT balance FROM accounts WHERE id=%(t)s",
            {"s": source, "t": target},
        )
        cur.nextset()
        s = cur.fetchone()
        cur.nextset()
        t = cur.fetchone()
        if not s or not t:
            raise UnknownAccount()
        if s[0] < amount:
            raise InsufficientFunds()
        cur.execute(
            "UPDATE accounts SET balance=balance-%(a)s WHERE id=%(s)s; UPDATE accounts SET balance=balance+%(a)s WHERE id=%(t)s",
            {"s": source, "t": target, "a": amount},
        )
