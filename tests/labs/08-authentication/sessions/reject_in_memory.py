# fails: logs_in -- "in another process" "another does not know"
def sessions(database_url, redis, check_password, clock):
    app = FastAPI()
    live = {}

    def find(request):
        account, began, seen = live.get(request.cookies.get("__Host-session"), (None, 0, 0))
        now = clock.time()
        if account is None or now - began > 43200 or now - seen > 1800:
            raise HTTPException(401)
        live[request.cookies["__Host-session"]] = account, began, now
        return account

    @app.post("/login")
    def login(body: dict, request: Request, response: Response):
        account = check_password(body["email"], body["password"])
        if account is None:
            raise HTTPException(401)
        live.pop(request.cookies.get("__Host-session"), None)
        token = secrets.token_urlsafe()
        live[token] = account, clock.time(), clock.time()
        response.set_cookie("__Host-session", token, path="/", secure=True, httponly=True, samesite="lax")

    @app.get("/me")
    def me(request: Request):
        return {"id": find(request)}

    @app.post("/logout")
    def logout(request: Request, response: Response):
        live.pop(request.cookies.get("__Host-session"), None)
        response.delete_cookie("__Host-session", path="/", secure=True)

    @app.post("/logout-everywhere")
    def everywhere(request: Request):
        account = find(request)
        for token in [t for t, s in live.items() if s[0] == account]:
            del live[token]

    return app
