# accepts: an advisory lock for each account, in order; closes the connection it was given
class NotEnough(Exception):
    pass


class NoSuchAccount(Exception):
    pass


def transfer(conn, source, target, amount):
    if amount <= 0:
        raise ValueError("amount")
    with conn:
        with conn.cursor() as cur:
            for account in sorted({source, target}):
                cur.execute("SELECT pg_advisory_xact_lock(4, %s)", (account,))
            cur.execute("SELECT balance FROM accounts WHERE id = %s", (source,))
            have = cur.fetchone()
            cur.execute("SELECT balance FROM accounts WHERE id = %s", (target,))
            if have is None or cur.fetchone() is None:
                raise NoSuchAccount()
            if have[0] < amount:
                raise NotEnough()
            cur.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
            cur.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
