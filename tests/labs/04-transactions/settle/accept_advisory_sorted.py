# accepts: advisory locks for each account, sorted, before the work is done in the order of the list
def settle(conn, transfers):
    with conn.transaction():
        for account in sorted({t[0] for t in transfers} | {t[1] for t in transfers}):
            conn.execute("SELECT pg_advisory_xact_lock(%s)", [account])
        for source, target, amount in transfers:
            debit = conn.execute(
                "UPDATE accounts SET balance = balance - %s WHERE id = %s AND balance >= %s",
                [amount, source, amount],
            )
            if debit.rowcount == 0:
                raise InsufficientFunds(source)
            credit = conn.execute(
                "UPDATE accounts SET balance = balance + %s WHERE id = %s", [amount, target]
            )
            if credit.rowcount == 0:
                raise UnknownAccount(target)
