# accepts: one lock for the rota
class SomebodyMustStay(ValueError):
    pass


def go_off_call(conn, doctor_id):
    cur = conn.cursor()
    cur.execute("SELECT pg_advisory_xact_lock(hashtext('rota'))")
    cur.execute("SELECT count(*) FROM doctors WHERE on_call")
    if cur.fetchone()[0] <= 1:
        conn.rollback()
        raise SomebodyMustStay("nobody would be left")
    cur.execute("UPDATE doctors SET on_call = false WHERE id = %s", [doctor_id])
    conn.commit()
