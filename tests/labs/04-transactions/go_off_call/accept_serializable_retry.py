# accepts: SERIALIZABLE, tried again
def go_off_call(conn, doctor_id):
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    while True:
        try:
            with conn.transaction():
                (others,) = conn.execute(
                    "SELECT count(*) FROM doctors WHERE on_call AND id <> %s", (doctor_id,)
                ).fetchone()
                if others == 0:
                    raise NoDoctorLeft
                conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
            return
        except psycopg.errors.SerializationFailure:
            pass
