# fails: no_lost_update, all_or_nothing -- "as if all were well" "swallows that error"
# Whatever goes wrong, the caller hears that the money has moved.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    try:
        with conn.transaction():
            rows = {}
            for account in (source, target):
                found = conn.execute("SELECT balance FROM accounts WHERE id = %s FOR UPDATE", (account,)).fetchone()
                if found is None:
                    raise UnknownAccount(account)
                rows[account] = found[0]
            if rows[source] < amount:
                raise InsufficientFunds(source)
            conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
            conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
    except psycopg.Error as error:
        print("database error", error)
