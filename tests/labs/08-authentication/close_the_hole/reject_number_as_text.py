# fails: whole_code -- "six digits as a number opens" "as text"
def close_the_hole(conn, form, clock):
    ticket, code = (str(form.get(name)) for name in ("ticket", "code"))
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 8))", [ticket])
        found = cursor.execute("SELECT * FROM tickets WHERE ticket = %s", [ticket]).fetchone()
        if not found or found["used_at"] or found["guesses"] > 4:
            return None
        if (clock.now() - found["created_at"]).total_seconds() >= 600:
            return None
        if not hmac.compare_digest(found["code"].encode(), code.encode()):
            cursor.execute("UPDATE tickets SET guesses = %s WHERE ticket = %s", [found["guesses"] + 1, ticket])
            return None
        cursor.execute("UPDATE tickets SET used_at = %s WHERE ticket = %s", [clock.now(), ticket])
        return found["customer_id"]
