# fails: readers_go_on -- "the reader had to wait" "ACCESS EXCLUSIVE"
def go_off_call(conn, doctor_id):
    with conn.transaction():
        conn.execute("LOCK TABLE doctors")
        (n,) = conn.execute("SELECT count(*) FROM doctors WHERE on_call").fetchone()
        if n < 2:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
