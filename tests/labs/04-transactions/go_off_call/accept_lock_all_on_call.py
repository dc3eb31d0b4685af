# accepts: locks every row the decision rests on
def go_off_call(conn, doctor_id):
    with conn.transaction():
        on_call = [
            id
            for (id,) in conn.execute(
                "SELECT id FROM doctors WHERE on_call ORDER BY id FOR UPDATE"
            ).fetchall()
        ]
        if doctor_id in on_call:
            if len(on_call) < 2:
                raise NoDoctorLeft("somebody has to stay")
            conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
