# fails: old_cookies_do_nothing -- "Ada's new session, after a logout everywhere with the cookie of a session that was logged out"
# A logout everywhere only asks whose the cookie was, not whether its session is live.
def sessions(database_url, redis, check_password, clock):
    app = FastAPI()
    name = "__Host-session"
    flags = {"path": "/", "secure": True, "httponly": True, "samesite": "lax"}
    with psycopg.connect(database_url) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(1)")
        conn.execute("ALTER TABLE sessions ADD COLUMN IF NOT EXISTS ended_at timestamptz")

    def sha(request):
        return hashlib.sha256(request.cookies.get(name, "").encode("utf-8", "replace")).hexdigest()

    def end_all(conn, account):
        conn.execute("UPDATE sessions SET ended_at = %s WHERE account_id = %s AND ended_at IS NULL", (clock.now(), account))

    def look(conn, request):
        """(account, whether the session is live); (None, False) for a stranger's cookie."""
        row = conn.execute(
            "SELECT account_id, created_at, seen_at, ended_at FROM sessions WHERE token_hash = %s FOR UPDATE",
            (sha(request),),
        ).fetchone()
        if row is None:
            return None, False
        now = clock.now()
        return row[0], not row[3] and now - row[2] <= timedelta(minutes=30) and now - row[1] <= timedelta(hours=12)

    @app.post("/login")
    def login(asked: dict, request: Request, response: Response):
        account = check_password(asked["email"], asked["password"])
        if account is None:
            raise HTTPException(401, "wrong email or password")
        token, now = secrets.token_urlsafe(24), clock.now()
        with psycopg.connect(database_url) as conn:
            conn.execute("UPDATE sessions SET ended_at = %s WHERE token_hash = %s AND ended_at IS NULL", (now, sha(request)))
            digest = hashlib.sha256(token.encode()).hexdigest()
            conn.execute("INSERT INTO sessions VALUES (%s, %s, %s, %s)", (digest, account, now, now))
        response.set_cookie(name, token, **flags)
        return {"id": account}

    @app.get("/me")
    def me(request: Request):
        with psycopg.connect(database_url) as conn:
            account, live = look(conn, request)
            if live:
                conn.execute("UPDATE sessions SET seen_at = %s WHERE token_hash = %s", (clock.now(), sha(request)))
        if not live:
            raise HTTPException(401)
        return {"id": account}

    @app.post("/logout")
    def logout(request: Request, response: Response):
        with psycopg.connect(database_url) as conn:
            conn.execute("UPDATE sessions SET ended_at = %s WHERE token_hash = %s AND ended_at IS NULL", (clock.now(), sha(request)))
        response.delete_cookie(name, **flags)
        return {}

    @app.post("/logout-everywhere")
    def logout_everywhere(request: Request, response: Response):
        with psycopg.connect(database_url) as conn:
            account, live = look(conn, request)
            if account is None:
                raise HTTPException(401)
            end_all(conn, account)
        response.delete_cookie(name, **flags)
        return {}

    return app
