# fails: never_deadlocks -- "a deadlock" "as the plan of an UPDATE"
# One statement takes all locks, in whatever order its plan finds the rows.
def settle(conn, transfers):
    net = {}
    for s, t, a in transfers:
        net[s] = net.get(s, 0) - a
        net[t] = net.get(t, 0) + a
    with conn.transaction():
        rows = conn.execute(
            "UPDATE accounts a SET balance = a.balance + v.d FROM unnest(%s::bigint[], %s::numeric[]) AS v(id, d) WHERE a.id = v.id RETURNING a.balance",
            (list(net), list(net.values())),
        ).fetchall()
        if len(rows) < len(net):
            raise UnknownAccount()
        if any(r[0] < 0 for r in rows):
            raise InsufficientFunds()
