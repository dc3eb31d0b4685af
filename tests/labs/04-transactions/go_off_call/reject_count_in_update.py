# fails: somebody_stays -- "nobody is on call" "count inside the UPDATE"
# One statement, but its count is read from a snapshot.
def go_off_call(conn, doctor_id):
    with conn.transaction():
        cur = conn.execute(
            "UPDATE doctors SET on_call = false WHERE id = %s AND (SELECT count(*) FROM doctors WHERE on_call) > 1",
            (doctor_id,),
        )
        if cur.rowcount == 0:
            raise NoDoctorLeft("last one")
