# fails: no_guess_too_many -- "one guess left" "whichever of the two is the right one" "counts afterwards"
# Reads the ticket, compares the code, and only then counts the guess: no count is lost, and none comes in time.
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
    used = conn.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s AND used_at IS NULL", [clock.now(), ticket])
    return customer_id if used.rowcount else None
