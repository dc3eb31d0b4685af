# accepts: locks source first, and tries again when that ends in a deadlock; leaves refusals to the pool's rollback
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("amount")
    while True:
        try:
            row = conn.execute("SELECT balance FROM accounts WHERE id = %s FOR UPDATE", [source]).fetchone()
            if row is None:
                raise UnknownAccount(source)
            if row[0] < amount:
                raise InsufficientFunds(source)
            conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", [amount, source])
            n = conn.execute(
                "UPDATE accounts SET balance = balance + %s WHERE id = %s", [amount, target]
            ).rowcount
            if n == 0:
                raise UnknownAccount(target)
            conn.commit()
            return
        except psycopg.errors.DeadlockDetected:
            conn.rollback()
