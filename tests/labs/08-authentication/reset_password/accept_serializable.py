# accepts: finds and writes in a serializable transaction, and refuses whoever comes second; a host that is not ours is refused
from starlette.middleware.trustedhost import TrustedHostMiddleware


def reset_password(database_url, send_mail, hash_password, clock):
    app = FastAPI()
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])

    def fingerprint(text):
        return "sha512:" + hashlib.sha512(text.encode()).hexdigest()

    @app.post("/forgot", status_code=200)
    async def forgot(request: Request):
        sent = await request.json()
        email = sent.get("email")
        if isinstance(email, str) and "\0" not in email:
            token = str(uuid.uuid4())
            with psycopg.connect(database_url, autocommit=True) as conn:
                made = conn.execute(
                    "WITH who AS (SELECT id, email FROM customers WHERE lower(email) = %s), made AS ("
                    "INSERT INTO password_resets SELECT %s, id, %s FROM who) SELECT email FROM who",
                    [email.strip().lower(), fingerprint(token), clock.now() + timedelta(seconds=1800)],
                ).fetchone()
            if made:
                try:
                    send_mail(to=made[0], subject="Reset", text=f"<https://shop.example/reset?token={token}>.")
                except Exception as trouble:
                    print("mail:", type(trouble).__name__)
        return "ok"

    @app.get("/reset")
    def page():
        return Response("...", headers={"Referrer-Policy": "no-referrer"})

    @app.post("/reset")
    def reset(sent: dict):
        token, password = sent["token"], sent["password"]
        if len(password) < 8:
            raise HTTPException(400, "too short")
        try:
            with psycopg.connect(database_url) as conn:
                conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
                row = conn.execute(
                    "SELECT customer_id, expires_at, used_at FROM password_resets WHERE token_hash = %s", [fingerprint(token)]
                ).fetchone()
                if not row or row[1] <= clock.now() or row[2]:
                    raise HTTPException(404, "no such link")
                conn.execute("UPDATE password_resets SET used_at = %s WHERE customer_id = %s", [clock.now(), row[0]])
                conn.execute("UPDATE customers SET password_hash = %s WHERE id = %s", [hash_password(password), row[0]])
                conn.execute("DELETE FROM sessions WHERE customer_id = %s", row[:1])
        except psycopg.errors.SerializationFailure:
            raise HTTPException(409, "this link was used just now") from None
        return {"done": True}

    return app
