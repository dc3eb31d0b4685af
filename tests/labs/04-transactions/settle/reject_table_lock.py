# fails: others_go_on -- "had to wait for" "concurrency with them"
def settle(conn, transfers):
    with conn.transaction():
        conn.execute("LOCK TABLE accounts IN EXCLUSIVE MODE")
        for source, target, amount in transfers:
            debit = conn.execute(
                "UPDATE accounts SET balance = balance - %s WHERE id = %s AND balance >= %s", (amount, source, amount)
            )
            if debit.rowcount == 0:
                raise InsufficientFunds(source)
            credit = conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
            if credit.rowcount == 0:
                raise UnknownAccount(target)
