# fails: old_cookies_do_nothing -- "after a logout everywhere with the cookie of a session that has run out"
# A logout everywhere takes any row for a session, also one that ran out long ago.
def sessions(database_url, redis, check_password, clock):
    app = FastAPI()
    name = "__Host-session"

    def sha(token):
        return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()

    def new_id():
        return secrets.token_urlsafe(24)

    def give(response, token):
        response.set_cookie(name, token, path="/", secure=True, httponly=True, samesite="strict")

    def current(request):
        """(account, hash) of a live session."""
        digest, now = sha(request.cookies.get(name, "")), clock.now()
        with psycopg.connect(database_url, autocommit=True) as conn:
            row = conn.execute(
                "SELECT account_id, created_at, seen_at FROM sessions WHERE token_hash = %s", (digest,)
            ).fetchone()
            if row is None:
                raise HTTPException(401)
            if now - row[2] > timedelta(minutes=30) or now - row[1] > timedelta(hours=12):
                conn.execute("DELETE FROM sessions WHERE token_hash = %s", (digest,))
                raise HTTPException(401)
            conn.execute("UPDATE sessions SET seen_at = %s WHERE token_hash = %s", (now, digest))
        return row[0], digest

    @app.post("/login")
    async def login(request: Request, response: Response):
        body = await request.json()
        account = check_password(body["email"], body["password"])
        if account is None:
            raise HTTPException(401, "wrong email or password")
        token, now = new_id(), clock.now()
        with psycopg.connect(database_url) as conn:
            conn.execute("DELETE FROM sessions WHERE token_hash = %s", (sha(request.cookies.get(name, "")),))
            conn.execute("INSERT INTO sessions VALUES (%s, %s, %s, %s)", (sha(token), account, now, now))
        give(response, token)
        return {"ok": True}

    @app.get("/me")
    def me(request: Request):
        return {"id": current(request)[0]}

    @app.post("/logout")
    def logout(request: Request, response: Response):
        account, digest = current(request)
        with psycopg.connect(database_url) as conn:
            conn.execute("DELETE FROM sessions WHERE token_hash = %s", (digest,))
        response.set_cookie(name, "", max_age=0, path="/", secure=True, httponly=True, samesite="strict")
        return {"ok": True}

    @app.post("/logout-everywhere")
    def logout_everywhere(request: Request):
        digest = sha(request.cookies.get(name, ""))
        with psycopg.connect(database_url) as conn:
            conn.execute(
                "DELETE FROM sessions WHERE account_id = (SELECT account_id FROM sessions WHERE token_hash = %s)",
                (digest,),
            )
        return {"ok": True}

    return app
