# fails: every_doctor_answered -- "LockNotAvailable"
# Whoever comes second gets an error of the database, whether or not he could have gone.
def go_off_call(conn, doctor_id):
    with conn.transaction():
        on_call = conn.execute("SELECT id FROM doctors WHERE on_call ORDER BY id FOR UPDATE NOWAIT").fetchall()
        if len(on_call) < 2:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
