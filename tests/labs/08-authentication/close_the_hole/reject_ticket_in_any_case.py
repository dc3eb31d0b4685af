# fails: whole_code -- "its ticket in capitals opens"
def close_the_hole(conn, form, clock):
    ticket, code = form.get("ticket"), form.get("code")
    if not isinstance(ticket, str) or not isinstance(code, str):
        return None
    ticket = ticket.lower()
    row = conn.execute(
        "SELECT customer_id, code, created_at, guesses, used_at FROM tickets WHERE ticket = %s FOR UPDATE", [ticket]
    ).fetchone()
    if row is None:
        return None
    customer_id, right, created_at, guesses, used_at = row
    if used_at is not None or guesses >= 5 or clock.now() - created_at > timedelta(minutes=10):
        return None
    if code != right:
        conn.execute("UPDATE tickets SET guesses = guesses + 1 WHERE ticket = %s", [ticket])
        return None
    conn.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s", [clock.now(), ticket])
    return customer_id
