# fails: somebody_stays -- "nobody is on call"
# The lock is on the row nobody else wants.
def go_off_call(conn, doctor_id):
    with conn.transaction():
        conn.execute("SELECT 1 FROM doctors WHERE id = %s FOR UPDATE", (doctor_id,))
        (n,) = conn.execute("SELECT count(*) FROM doctors WHERE on_call").fetchone()
        if n < 2:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
