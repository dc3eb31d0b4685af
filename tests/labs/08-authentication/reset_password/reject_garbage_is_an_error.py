# fails: refuses_properly -- "the token" "returned 500: the app raised"
def reset_password(database_url, send_mail, hash_password, clock) -> FastAPI:
    app = FastAPI()

    def digest(token):
        return hashlib.sha256(uuid.UUID(token).bytes).hexdigest()

    def mail(to, text):
        try:
            send_mail(to, "A new password", text)
        except Exception:
            pass

    @app.post("/forgot", status_code=202)
    def forgot(body: dict):
        with psycopg.connect(database_url) as conn:
            row = conn.execute(
                "SELECT id, email FROM customers WHERE lower(email) = lower(%s)", [str(body.get("email"))]
            ).fetchone()
            if row:
                token = str(uuid.uuid4())
                conn.execute(
                    "INSERT INTO password_resets VALUES (%s, %s, %s)",
                    [digest(token), row[0], clock.now() + timedelta(minutes=30)],
                )
                conn.commit()
                mail(row[1], f"Choose a new password: https://shop.example/reset?token={token}")
        return {"message": "If we know this address, a mail is on its way."}

    @app.get("/reset")
    def page():
        return HTMLResponse("<form method=post>...</form>", headers={"Referrer-Policy": "no-referrer"})

    @app.post("/reset")
    def reset(body: dict):
        token, password = str(body.get("token")), str(body.get("password"))
        if len(password) < 8:
            raise HTTPException(422, "at least 8 characters")
        with psycopg.connect(database_url) as conn:
            conn.execute(
                "SELECT FROM customers WHERE id = (SELECT customer_id FROM password_resets WHERE token_hash = %s) FOR UPDATE",
                [digest(token)],
            )
            row = conn.execute(
                "UPDATE password_resets SET used_at = %(now)s "
                "WHERE token_hash = %(hash)s AND used_at IS NULL AND expires_at > %(now)s RETURNING customer_id",
                {"now": clock.now(), "hash": digest(token)},
            ).fetchone()
            if row is None:
                raise HTTPException(400, "this link does not work any more")
            conn.execute("UPDATE customers SET password_hash = %s WHERE id = %s", [hash_password(password), row[0]])
            conn.execute("DELETE FROM password_resets WHERE customer_id = %s", row)
            conn.execute("DELETE FROM sessions WHERE customer_id = %s", row)
        return {"message": "Log in with your new password."}

    return app
