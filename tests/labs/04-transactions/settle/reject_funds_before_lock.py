# fails: no_overdraft -- "went below zero" "before the accounts were locked"
# Locks in order and adds what it must, but decides with balances read before the lock was held.
def settle(conn, transfers):
    net = {}
    for s, t, a in transfers:
        net[s] = net.get(s, 0) - a
        net[t] = net.get(t, 0) + a
    ids = sorted(net)
    with conn.transaction():
        have = dict(conn.execute("SELECT id, balance FROM accounts WHERE id = ANY(%s)", (ids,)).fetchall())
        conn.execute("SELECT 1 FROM accounts WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (ids,))
        if have.keys() != net.keys():
            raise UnknownAccount()
        for i, d in net.items():
            if have[i] + d < 0:
                raise InsufficientFunds()
            conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (d, i))
