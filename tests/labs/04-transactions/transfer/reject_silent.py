# fails: typed_refusal -- "returned" "finds no row is no error"
# Answers False instead of refusing, and pays accounts that do not exist.
def transfer(conn, source, target, amount):
    if amount <= 0:
        return False
    with conn.transaction():
        rows = dict(
            conn.execute(
                "SELECT id, balance FROM accounts WHERE id IN (%s, %s) ORDER BY id FOR UPDATE", (source, target)
            ).fetchall()
        )
        if rows.get(source, 0) < amount:
            return False
        conn.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
        conn.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
    return True
