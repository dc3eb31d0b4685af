# fails: no_overdraft -- "went below zero"
# One lock for each pair of accounts: two transfers out of one account to different ones do not meet.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount()
    with conn.transaction():
        a, b = sorted((source, target))
        conn.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (a, b))
        s = conn.execute("SELECT balance FROM accounts WHERE id=%s", (source,)).fetchone()
        t = conn.execute("SELECT balance FROM accounts WHERE id=%s", (target,)).fetchone()
        if not s or not t:
            raise UnknownAccount()
        if s[0] < amount:
            raise InsufficientFunds()
        for i, d in sorted(((source, -amount), (target, amount))):
            conn.execute("UPDATE accounts SET balance = balance + %s WHERE id=%s", (d, i))
