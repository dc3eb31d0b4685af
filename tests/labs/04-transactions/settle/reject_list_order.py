# fails: never_deadlocks -- "a deadlock" "order of the list"
def settle(conn, transfers):
    with conn.transaction():
        for source, target, amount in transfers:
            debit = conn.execute(
                "UPDATE accounts SET balance = balance - %s WHERE id = %s AND balance >= %s", (amount, source, amount)
            )
            if debit.rowcount == 0:
                raise InsufficientFunds(source)
            credit = conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
            if credit.rowcount == 0:
                raise UnknownAccount(target)
