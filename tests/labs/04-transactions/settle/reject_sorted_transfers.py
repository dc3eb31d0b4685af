# fails: never_deadlocks -- "a deadlock" "or of the sources"
# The transfers are sorted; the accounts they touch are not.
def settle(conn, transfers):
    with conn.transaction():
        for source, target, amount in sorted(transfers):
            debit = conn.execute(
                "UPDATE accounts SET balance = balance - %s WHERE id = %s AND balance >= %s", (amount, source, amount)
            )
            if debit.rowcount == 0:
                raise InsufficientFunds(source)
            credit = conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
            if credit.rowcount == 0:
                raise UnknownAccount(target)
