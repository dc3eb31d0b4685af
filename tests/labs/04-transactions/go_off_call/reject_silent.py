# fails: last_one_stays -- "the call returned" "silence does not"
def go_off_call(conn, doctor_id):
    with conn.transaction():
        on_call = conn.execute("SELECT id FROM doctors WHERE on_call ORDER BY id FOR UPDATE").fetchall()
        if len(on_call) > 1:
            conn.execute("UPDATE doctors SET on_call = false WHERE id = %s", (doctor_id,))
