# fails: never_deadlocks -- "a deadlock"
# A set of small numbers mostly looks sorted, and has no order to rely on.
def settle(conn, transfers):
    accounts = set()
    for s, t, a in transfers:
        accounts |= {s, t}
    with conn.transaction():
        have = {}
        for account in accounts:
            row = conn.execute("SELECT balance FROM accounts WHERE id = %s FOR UPDATE", (account,)).fetchone()
            if row is None:
                raise UnknownAccount()
            have[account] = row[0]
        for s, t, a in transfers:
            if have[s] < a:
                raise InsufficientFunds()
            have[s] -= a
            have[t] += a
        for account, balance in have.items():
            conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balance, account))
