# fails: logout_wins -- "after the logout the cookie is still answered 200"


def sessions(database_url, redis, check_password, clock):
    app = FastAPI()
    NAME = "__Host-session"

    def read(request):
        return request.cookies.get(NAME) or ""

    def key(token):
        return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()

    def put(response, token):
        response.set_cookie(NAME, token, secure=True, httponly=True, samesite="strict", path="/")

    def drop(response):
        response.delete_cookie(NAME, secure=True, httponly=True, samesite="strict", path="/")

    # a logout leaves a mark that /me looks for after it has written; logging out everywhere leaves none
    def begin(k, account):
        with redis.pipeline() as p:
            p.set("s:" + k, f"{account}:{clock.time() + 43200}", ex=1800)
            p.sadd(f"of:{account}", k)
            p.execute()

    def touch(k):
        raw = redis.get("s:" + k)
        if raw is None:
            return None
        account, until = raw.decode().split(":")
        if float(until) <= clock.time():
            return None
        redis.set("s:" + k, raw, ex=1800)
        if redis.exists("dead:" + k):
            redis.delete("s:" + k)
            return None
        return account

    def end(k):
        redis.set("dead:" + k, 1, ex=43200)
        redis.delete("s:" + k)

    def end_all(account):
        keys = ["s:" + k.decode() for k in redis.smembers(f"of:{account}")]
        if keys:
            redis.delete(*keys)

    @app.post("/login")
    def login(request: Request, response: Response, body: dict):
        account = check_password(body["email"], body["password"])
        if account is None:
            raise HTTPException(401)
        end(key(read(request)))
        token = secrets.token_urlsafe(24)
        begin(key(token), account)
        put(response, token)
        return {}

    @app.get("/me")
    def me(request: Request):
        account = touch(key(read(request)))
        if account is None:
            raise HTTPException(401)
        return {"id": int(account)}

    @app.post("/logout")
    def logout(request: Request, response: Response):
        end(key(read(request)))
        drop(response)
        return {}

    @app.post("/logout-everywhere")
    def everywhere(request: Request, response: Response):
        account = touch(key(read(request)))
        if account is None:
            raise HTTPException(401)
        end_all(int(account))
        drop(response)
        return {}

    return app
