# fails: no_lost_update -- "the balances do not show it" "computed from what was read"
# Locks in order, but writes numbers it read before it had the locks.
def settle(conn, transfers):
    accounts = sorted({a for t in transfers for a in t[:2]})
    with conn.transaction():
        balance = dict(conn.execute("SELECT id, balance FROM accounts WHERE id = ANY(%s)", (accounts,)).fetchall())
        conn.execute("SELECT 1 FROM accounts WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (accounts,))
        for source, target, amount in transfers:
            if source not in balance or target not in balance:
                raise UnknownAccount("missing")
            if balance[source] < amount:
                raise InsufficientFunds(source)
            balance[source] -= amount
            balance[target] += amount
        for account in accounts:
            conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balance[account], account))
