# fails: every_transfer_answered -- "DeadlockDetected" "in different orders"
# A set of small numbers mostly looks sorted, and has no order to rely on.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount()
    with conn.transaction():
        have = {}
        for account in {source, target}:
            row = conn.execute("SELECT balance FROM accounts WHERE id = %s FOR UPDATE", (account,)).fetchone()
            if row is None:
                raise UnknownAccount()
            have[account] = row[0]
        if have[source] < amount:
            raise InsufficientFunds()
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
