# accepts: the clumsy one: a lock on the table that lets readers through
def go_off_call(conn, doctor_id):
    with conn.transaction():
        conn.execute("LOCK TABLE doctors IN SHARE ROW EXCLUSIVE MODE")
        (n,) = conn.execute("SELECT count(*) FROM doctors WHERE on_call").fetchone()
        if n == 1:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
