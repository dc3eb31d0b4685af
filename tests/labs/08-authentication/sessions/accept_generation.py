# accepts: an id in two parts; a row is never deleted but marked; a generation in Redis ends all of an account at once
def sessions(database_url: str, redis, check_password, clock) -> FastAPI:
    with psycopg.connect(database_url) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(1)")
        conn.execute("ALTER TABLE sessions ADD COLUMN IF NOT EXISTS ended bool NOT NULL DEFAULT false")
        conn.execute("ALTER TABLE sessions ADD COLUMN IF NOT EXISTS generation int NOT NULL DEFAULT 0")
    app = FastAPI()

    def mac(secret):
        return base64.urlsafe_b64encode(hashlib.sha512(secret.encode("utf-8", "replace")).digest()).decode()

    def generation(account):
        return int(redis.get(f"generation:{account}") or 0)

    def look(conn, cookie):
        public, _, secret = cookie.partition(".")
        row = conn.execute(
            "SELECT account_id, generation, created_at, seen_at, token_hash FROM sessions "
            "WHERE starts_with(token_hash, %s) AND NOT ended",
            [public.encode("ascii", "replace").decode().replace("%", "") + ":"],
        ).fetchone()
        if not row or not hmac.compare_digest(row[4].partition(":")[2], mac(secret)):
            return None
        now = clock.now()
        over = now >= row[2] + timedelta(hours=12) or now >= row[3] + timedelta(minutes=30)
        return None if over or row[1] != generation(row[0]) else row

    def end(conn, cookie):
        if row := look(conn, cookie):
            conn.execute("UPDATE sessions SET ended = true WHERE token_hash = %s", [row[4]])

    @app.post("/login")
    def login(body: dict, request: Request):
        account = check_password(body["email"], body["password"])
        if account is None:
            raise HTTPException(401)
        public, secret = secrets.token_hex(8), secrets.token_hex(16)
        with psycopg.connect(database_url) as conn:
            end(conn, request.cookies.get("__Host-session", ""))
            conn.execute(
                "INSERT INTO sessions VALUES (%s, %s, %s, %s, false, %s)",
                [f"{public}:{mac(secret)}", account, clock.now(), clock.now(), generation(account)],
            )
        cookie = f"__Host-session={public}.{secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200"
        return JSONResponse({"id": account}, headers={"Set-Cookie": cookie})

    @app.get("/me")
    def me(request: Request):
        with psycopg.connect(database_url) as conn:
            row = look(conn, request.cookies.get("__Host-session", ""))
            if row and clock.now() - row[3] >= timedelta(seconds=60):  # a write a minute is enough
                conn.execute("UPDATE sessions SET seen_at = %s WHERE token_hash = %s", [clock.now(), row[4]])
        if not row:
            raise HTTPException(401)
        return {"id": row[0], "since": row[2]}

    @app.post("/logout")
    def logout(request: Request):
        with psycopg.connect(database_url) as conn:
            end(conn, request.cookies.get("__Host-session", ""))
        gone = "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        return Response(status_code=204, headers={"Set-Cookie": gone})

    @app.post("/logout-everywhere")
    def everywhere(request: Request):
        with psycopg.connect(database_url) as conn:
            row = look(conn, request.cookies.get("__Host-session", ""))
        if not row:
            raise HTTPException(401)
        redis.incr(f"generation:{row[0]}")

    return app
