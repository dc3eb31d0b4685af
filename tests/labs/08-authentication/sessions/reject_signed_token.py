# fails: new_id_at_login, logout_ends_it -- "after Ada has logged in with it" "stays valid until it runs out"
# Nothing to look up, and nothing to take back.
KEY = jwk.import_key("a secret of the shop that is long enough", "oct")


def sessions(database_url, redis, check_password, clock):
    app = FastAPI()

    def cookie(response, account, began):
        claims = {"sub": str(account), "iat": began, "exp": clock.time() + 1800, "jti": uuid.uuid4().hex}
        token = jwt.encode({"alg": "HS256"}, claims, KEY)
        response.set_cookie("__Host-session", token, path="/", secure=True, httponly=True, samesite="lax")

    def read(request):
        try:
            claims = jwt.decode(request.cookies.get("__Host-session", ""), KEY, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(now=int(clock.time())).validate(claims)
        except (JoseError, ValueError):
            raise HTTPException(401) from None
        if claims["iat"] + 43200 < clock.time():
            raise HTTPException(401)
        return claims

    @app.post("/login")
    def login(body: dict, response: Response):
        account = check_password(body["email"], body["password"])
        if account is None:
            raise HTTPException(401)
        cookie(response, account, clock.time())

    @app.get("/me")
    def me(request: Request, response: Response):
        claims = read(request)
        cookie(response, claims["sub"], claims["iat"])
        return {"id": int(claims["sub"])}

    @app.post("/logout")
    @app.post("/logout-everywhere")
    def logout(response: Response):
        response.delete_cookie("__Host-session", path="/", secure=True)

    return app
