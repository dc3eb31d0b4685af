# fails: no_guess_too_many -- "one guess left" "whichever of the two is the right one" "counts afterwards"
# Whoever can delete the ticket with its code is in; a wrong code is counted by the next statement.
def close_the_hole(conn: psycopg.Connection, form: dict, clock) -> int | None:
    known = {name: value for name, value in form.items() if name in ("ticket", "code") and isinstance(value, str)}
    if len(known) < 2:
        raise InvalidCredentials("a ticket and a code, please")
    known["oldest"] = clock.now() - timedelta(minutes=10)
    taken = conn.execute(
        """DELETE FROM tickets WHERE ticket = %(ticket)s AND code = %(code)s AND created_at >= %(oldest)s
           AND guesses < 5 AND used_at IS NULL RETURNING customer_id""",
        known,
    ).fetchone()
    if taken:
        return taken[0]
    conn.execute("UPDATE tickets SET guesses = guesses + 1 WHERE ticket = %(ticket)s", known)
    conn.commit()
    raise InvalidCredentials("wrong, used or over")
