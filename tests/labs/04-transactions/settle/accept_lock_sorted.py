# accepts: locks all accounts of the batch once, sorted
def settle(conn, transfers):
    accounts = sorted({a for source, target, _ in transfers for a in (source, target)})
    with conn.transaction():
        balance = dict(
            conn.execute(
                "SELECT id, balance FROM accounts WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (accounts,)
            ).fetchall()
        )
        for source, target, amount in transfers:
            if source not in balance or target not in balance:
                raise UnknownAccount("one account is missing")
            if balance[source] < amount:
                raise InsufficientFunds(source)
            balance[source] -= amount
            balance[target] += amount
        for account, value in balance.items():
            conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (value, account))
