# accepts: SERIALIZABLE, the refusal passed on to a caller who tries again
def go_off_call(conn, doctor_id):
    conn.set_isolation_level(psycopg.IsolationLevel.SERIALIZABLE)
    with conn.transaction():
        cur = conn.execute(
            "UPDATE doctors SET on_call = false WHERE id = %s"
            " AND EXISTS (SELECT 1 FROM doctors d WHERE d.on_call AND d.id <> %s)",
            (doctor_id, doctor_id),
        )
        if cur.rowcount == 0:
            raise NoDoctorLeft("you are the last one")
