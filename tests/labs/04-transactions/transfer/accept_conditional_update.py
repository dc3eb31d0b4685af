# accepts: two relative updates in id order, the debit conditional, everything taken back when one finds no row
def transfer(conn, source, target, amount):
    if not amount > 0:
        raise ValueError("amount must be positive")
    steps = [
        (source, "UPDATE accounts SET balance = balance - %(n)s WHERE id = %(id)s AND balance >= %(n)s"),
        (target, "UPDATE accounts SET balance = balance + %(n)s WHERE id = %(id)s"),
    ]
    try:
        cur = conn.cursor()
        for account, sql in sorted(steps):
            cur.execute(sql, {"n": amount, "id": account})
            if cur.rowcount != 1:
                cur.execute("SELECT 1 FROM accounts WHERE id = %s", [account])
                raise InsufficientFunds("too little") if cur.fetchone() else UnknownAccount(str(account))
        conn.commit()
    except Exception:
        conn.rollback()
        raise
