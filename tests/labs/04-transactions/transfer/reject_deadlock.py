# fails: every_transfer_answered -- "DeadlockDetected" "in different orders"
# Locks, but source first: two opposite transfers wait for each other.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    with conn.transaction():
        balances = []
        for account in (source, target):
            row = conn.execute("SELECT balance FROM accounts WHERE id = %s FOR UPDATE", (account,)).fetchone()
            if row is None:
                raise UnknownAccount(account)
            balances.append(row[0])
        if balances[0] < amount:
            raise InsufficientFunds(source)
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
