# fails: whole_code -- "its code with the end of a line after it opens" "are not equal"
# In a pattern $ is also before the end of a line, and int() reads over it.
import re


def close_the_hole(conn, form, clock):
    ticket, code = form.get("ticket"), form.get("code")
    if not isinstance(ticket, str) or not isinstance(code, str) or not re.match(r"^\d{6}$", code):
        return None
    row = conn.execute(
        "SELECT customer_id, code, created_at, guesses, used_at FROM tickets WHERE ticket = %s FOR UPDATE", [ticket]
    ).fetchone()
    if row is None:
        return None
    customer_id, right, created_at, guesses, used_at = row
    if used_at is not None or guesses >= 5 or clock.now() - created_at > timedelta(minutes=10):
        return None
    if int(code) != int(right):
        conn.execute("UPDATE tickets SET guesses = guesses + 1 WHERE ticket = %s", [ticket])
        return None
    conn.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s", [clock.now(), ticket])
    return customer_id
