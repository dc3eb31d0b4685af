# accepts: one relative update an account, in the order of the ids
from collections import defaultdict


def settle(conn, transfers):
    net = defaultdict(Decimal)
    for source, target, amount in transfers:
        net[source] -= amount
        net[target] += amount
    try:
        for account in sorted(net):
            row = conn.execute(
                "UPDATE accounts SET balance = balance + %s WHERE id = %s RETURNING balance",
                (net[account], account),
            ).fetchone()
            if row is None:
                raise UnknownAccount(account)
            if row[0] < 0:
                raise InsufficientFunds(account)
    except BaseException:
        conn.rollback()
        raise
    conn.commit()
