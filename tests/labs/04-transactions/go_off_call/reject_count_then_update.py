# fails: somebody_stays -- "nobody is on call" "write skew"
# Passes any test with one doctor at a time.
def go_off_call(conn, doctor_id):
    with conn.transaction():
        (n,) = conn.execute("SELECT count(*) FROM doctors WHERE on_call").fetchone()
        if n < 2:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
