# fails: holds_under_all_schedules -- "after three wrong codes and two at once, the right one still works"
# The count is read and written back late, after statements that nobody notices: most schedules do no harm.
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
        conn.execute("SELECT 1")
        conn.execute("SELECT 1")
        conn.execute("SELECT 1")
        guesses = conn.execute("SELECT guesses FROM tickets WHERE ticket = %s", [ticket]).fetchone()[0]
        conn.execute("UPDATE tickets SET guesses = %s WHERE ticket = %s", [guesses + 1, ticket])
        return None
    used = conn.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s AND used_at IS NULL", [clock.now(), ticket])
    return customer_id if used.rowcount else None
