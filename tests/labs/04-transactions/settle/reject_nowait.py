# fails: every_batch_settled -- "LockNotAvailable" "no answer to a customer"
def settle(conn, transfers):
    accounts = sorted({a for t in transfers for a in t[:2]})
    with conn.transaction():
        balance = dict(
            conn.execute(
                "SELECT id, balance FROM accounts WHERE id = ANY(%s) ORDER BY id FOR UPDATE NOWAIT", (accounts,)
            ).fetchall()
        )
        for source, target, amount in transfers:
            if source not in balance or target not in balance:
                raise UnknownAccount("missing")
            if balance[source] < amount:
                raise InsufficientFunds(source)
            balance[source] -= amount
            balance[target] += amount
        for account in accounts:
            conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balance[account], account))
