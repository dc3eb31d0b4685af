# accepts: locks both rows in the order of their ids, then decides
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    if source == target:
        raise SameAccount("source and target are one account")
    with conn.transaction():
        rows = conn.execute(
            "SELECT id, balance FROM accounts WHERE id IN (%s, %s) ORDER BY id FOR UPDATE", (source, target)
        ).fetchall()
        balances = dict(rows)
        for account in (source, target):
            if account not in balances:
                raise UnknownAccount(f"no account {account}")
        if balances[source] < amount:
            raise InsufficientFunds(f"account {source} holds {balances[source]}")
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balances[source] - amount, source))
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balances[target] + amount, target))
