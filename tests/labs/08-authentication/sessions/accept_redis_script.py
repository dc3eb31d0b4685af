# accepts: sessions in Redis; a script moves the end of a key that is there; a set of each account's sessions
HALF_AN_HOUR, TWELVE_HOURS = 1800, 43200
TOUCH = """
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local left = tonumber(redis.call('HGET', KEYS[1], 'ends')) - tonumber(ARGV[1])
if left <= 0 then return false end
redis.call('EXPIRE', KEYS[1], math.min(1800, math.ceil(left)))
return redis.call('HGET', KEYS[1], 'account')
"""


def key_of(token):
    return "session:" + hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=32).hexdigest()


def sessions(database_url, redis, check_password, clock):
    app = FastAPI()
    touch = redis.register_script(TOUCH)

    def read(request: Request) -> str:
        return request.cookies.get("__Host-session") or ""

    def forget(token):
        key = key_of(token)
        account = redis.hget(key, "account")
        redis.delete(key)
        if account:
            redis.srem(b"sessions-of:" + account, key)

    @app.post("/login", status_code=204)
    def login(request: Request, body: dict):
        account = check_password(body.get("email"), body.get("password"))
        if account is None:
            return JSONResponse({"error": "wrong email or password"}, 401)
        forget(read(request))
        token = secrets.token_hex(32)
        with redis.pipeline() as pipe:
            pipe.hset(key_of(token), mapping={"account": account, "ends": clock.time() + TWELVE_HOURS})
            pipe.expire(key_of(token), HALF_AN_HOUR)
            pipe.sadd(f"sessions-of:{account}", key_of(token))
            pipe.expire(f"sessions-of:{account}", TWELVE_HOURS)
            pipe.execute()
        response = Response(status_code=204)
        response.set_cookie("__Host-session", token, secure=True, httponly=True, samesite="lax")
        return response

    @app.get("/me")
    def me(request: Request):
        account = touch(keys=[key_of(read(request))], args=[clock.time()])
        if account is None:
            raise HTTPException(401)
        return {"id": int(account)}

    @app.post("/logout")
    def logout(request: Request, response: Response):
        forget(read(request))
        response.delete_cookie("__Host-session", secure=True, httponly=True, samesite="lax")
        return "bye"

    @app.post("/logout-everywhere")
    def logout_everywhere(request: Request):
        account = redis.hget(key_of(read(request)), "account")
        if account is None:
            raise HTTPException(401)
        mine = b"sessions-of:" + account
        redis.delete(mine, *redis.smembers(mine))

    return app
