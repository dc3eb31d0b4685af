# accepts: a thread that was started with the app mails what it finds in a queue, looking ten times a second
import threading, time
class ForgotRequest(BaseModel):
    email: str


class ResetRequest(BaseModel):
    token: str
    password: str


def reset_password(database_url: str, send_mail, hash_password, clock) -> FastAPI:
    """An application with POST /forgot, GET /reset and POST /reset."""
    # The link is built from what we know and mailed to whom we know; of the token only a digest stays. The UPDATE finds the
    # link unused and marks it in one step, in the transaction that does the rest. The customer's row is locked before, so
    # that two links of hers take turns; otherwise each would wait for the other to be deleted.
    app = FastAPI()

    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    def post(address: str, token: str) -> None:
        with suppress(Exception):  # a mail that fails must look like one that was never to be sent
            send_mail(address, "A new password", f"Choose it here: https://shop.example/reset?token={token}")

    mails = []
    def work():
        while True:
            time.sleep(0.1)
            while mails:
                post(*mails.pop(0))
    threading.Thread(target=work, daemon=True).start()
    @app.post("/forgot", status_code=202)
    def forgot(request: ForgotRequest, later: BackgroundTasks):
        token = secrets.token_urlsafe(32)
        with psycopg.connect(database_url) as conn:
            owner = conn.execute(
                """
                WITH owner AS (SELECT id, email FROM customers WHERE email = lower(%s)), link AS (
                    INSERT INTO password_resets (token_hash, customer_id, expires_at) SELECT %s, id, %s FROM owner)
                SELECT email FROM owner
                """,
                [request.email, digest_of(token), clock.now() + timedelta(minutes=30)],
            ).fetchone()
        if owner:
            mails.append((owner[0], token))
        return {"message": "If a customer has this address, a mail is on its way."}

    @app.get("/reset")
    def page() -> HTMLResponse:
        form = "<form method='post'><input type='password' name='password'></form>"
        return HTMLResponse(form, headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})

    @app.post("/reset", status_code=204)
    def reset(request: ResetRequest):
        if len(request.password) < 8:
            raise HTTPException(422, "A password has at least 8 characters.")
        stored = hash_password(request.password)
        with psycopg.connect(database_url) as conn:
            conn.execute(
                "SELECT FROM customers WHERE id = (SELECT customer_id FROM password_resets WHERE token_hash = %s) FOR UPDATE",
                [digest_of(request.token)],
            )
            owner = conn.execute(
                "UPDATE password_resets SET used_at = %(now)s WHERE token_hash = %(digest)s "
                "AND used_at IS NULL AND expires_at > %(now)s RETURNING customer_id",
                {"now": clock.now(), "digest": digest_of(request.token)},
            ).fetchone()
            if owner is None:
                raise HTTPException(410, "This link does not work any more; ask for another.")
            conn.execute("UPDATE customers SET password_hash = %s WHERE id = %s", [stored, *owner])
            conn.execute("DELETE FROM password_resets WHERE customer_id = %s", owner)
            conn.execute("DELETE FROM sessions WHERE customer_id = %s", owner)

    return app
