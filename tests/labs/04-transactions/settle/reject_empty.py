# fails: settles -- "an empty batch"
def settle(conn, transfers):
    accounts = sorted({a for t in transfers for a in t[:2]})
    if not accounts:
        raise InvalidAmount("nothing to settle")
    with conn.transaction():
        found = conn.execute(
            "SELECT id FROM accounts WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (accounts,)
        ).fetchall()
        if len(found) < len(accounts):
            raise UnknownAccount("missing")
        for source, target, amount in transfers:
            debit = conn.execute(
                "UPDATE accounts SET balance = balance - %s WHERE id = %s AND balance >= %s", (amount, source, amount)
            )
            if debit.rowcount == 0:
                raise InsufficientFunds(source)
            conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
