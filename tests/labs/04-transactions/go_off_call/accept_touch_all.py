# accepts: writes every row the decision rests on
def go_off_call(conn, doctor_id):
    with conn.transaction():
        conn.execute("UPDATE doctors SET on_call = on_call WHERE on_call")
        n = conn.execute("SELECT count(*) FROM doctors WHERE on_call AND id <> %s", (doctor_id,)).fetchone()[
            0
        ]
        if n == 0:
            raise NoDoctorLeft()
        conn.execute("UPDATE doctors SET on_call = FALSE WHERE id = %s", (doctor_id,))
