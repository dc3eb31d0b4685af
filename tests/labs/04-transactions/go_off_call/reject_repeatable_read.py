# fails: somebody_stays -- "nobody is on call" "each writes another row"
# A snapshot is not enough: nobody writes what the other wrote.
def go_off_call(conn, doctor_id):
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with conn.transaction():
        (n,) = conn.execute("SELECT count(*) FROM doctors WHERE on_call").fetchone()
        if n < 2:
            raise NoDoctorLeft("last one")
        conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
