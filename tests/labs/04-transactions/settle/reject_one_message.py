# fails: never_deadlocks -- "a deadlock" "order of the list"
# One round trip for all is no cure: the server still takes the locks one after the other.
def settle(conn, transfers):
    accounts = list({a for source, target, _ in transfers for a in (source, target)})
    with conn.transaction():
        known = conn.execute("SELECT count(*) FROM accounts WHERE id = ANY(%s)", (accounts,)).fetchone()[0]
        if known < len(accounts):
            raise UnknownAccount("one account is missing")
        updates = []
        for source, target, amount in transfers:
            updates.append(f"UPDATE accounts SET balance = balance - {amount} WHERE id = {source}")
            updates.append(f"UPDATE accounts SET balance = balance + {amount} WHERE id = {target}")
        if updates:
            conn.execute("; ".join(updates))
        broke = conn.execute("SELECT id FROM accounts WHERE id = ANY(%s) AND balance < 0", (accounts,)).fetchone()
        if broke:
            raise InsufficientFunds(broke[0])
