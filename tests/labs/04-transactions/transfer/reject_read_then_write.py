# fails: no_lost_update, every_transfer_answered -- "the accounts hold" "overwrites the other transfer"
# Works alone: a transaction, a look at the balances, two updates.
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount("the amount must be positive")
    with conn.transaction():
        balance = {}
        for account in (source, target):
            row = conn.execute("SELECT balance FROM accounts WHERE id = %s", (account,)).fetchone()
            if row is None:
                raise UnknownAccount(account)
            balance[account] = row[0]
        if balance[source] < amount:
            raise InsufficientFunds(source)
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balance[source] - amount, source))
        conn.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balance[target] + amount, target))
