# accepts: all who leave lock the same row first, on call or not
def go_off_call(conn, doctor_id):
    # every leaver first locks the same row, the one with the lowest id, on call or not
    with conn.transaction():
        conn.execute("SELECT 1 FROM doctors WHERE id = (SELECT min(id) FROM doctors) FOR UPDATE")
        conn.execute("UPDATE doctors SET on_call=false WHERE id=%s", (doctor_id,))
        if not conn.execute("SELECT 1 FROM doctors WHERE on_call LIMIT 1").fetchone():
            raise NoDoctorLeft()
