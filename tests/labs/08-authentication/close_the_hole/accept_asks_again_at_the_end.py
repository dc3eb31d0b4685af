# accepts: compares without a lock, and lets in by an UPDATE that finds the ticket unused and not guessed at too often
# A code that came with five others is compared, but lets in only if it is written before they are counted.
def close_the_hole(conn, form, clock):
    ticket, code = form.get("ticket"), form.get("code")
    if not isinstance(ticket, str) or not isinstance(code, str):
        return None
    row = conn.execute(
        "SELECT customer_id, code, created_at, guesses, used_at FROM tickets WHERE ticket = %s", [ticket]
    ).fetchone()
    if row is None:
        return None
    customer_id, right, created_at, guesses, used_at = row
    if used_at is not None or guesses >= 5 or clock.now() - created_at > timedelta(minutes=10):
        return None
    if code != right:
        conn.execute("UPDATE tickets SET guesses = guesses + 1 WHERE ticket = %s", [ticket])
        return None
    used = conn.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s AND used_at IS NULL AND guesses < 5", [clock.now(), ticket])
    return customer_id if used.rowcount else None
