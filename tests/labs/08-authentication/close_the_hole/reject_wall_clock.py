# fails: ends_after_ten_minutes -- "a code of 11 minutes ago" "your machine's clock"
def close_the_hole(conn, form, clock):
    ticket, code = form.get("ticket"), form.get("code")
    if not isinstance(ticket, str) or not isinstance(code, str):
        return None
    row = conn.execute(
        "SELECT customer_id, code, created_at, guesses, used_at FROM tickets WHERE ticket = %s FOR UPDATE", [ticket]
    ).fetchone()
    if row is None:
        return None
    customer_id, right, created_at, guesses, used_at = row
    if used_at is not None or guesses >= 5 or datetime.now(UTC) - created_at > timedelta(minutes=10):
        return None
    if code != right:
        conn.execute("UPDATE tickets SET guesses = guesses + 1 WHERE ticket = %s", [ticket])
        return None
    conn.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s", [datetime.now(UTC), ticket])
    return customer_id
