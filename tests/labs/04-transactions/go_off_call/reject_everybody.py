# fails: goes_off -- "on call are now"
# The WHERE is missing.
def go_off_call(conn, doctor_id):
    with conn.transaction():
        rows = conn.execute("SELECT id FROM doctors WHERE on_call FOR UPDATE").fetchall()
        if len(rows) < 2:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false")
