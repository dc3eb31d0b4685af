# fails: session_cannot_be_guessed -- "a session's cookie that is Secure and HttpOnly" "it is stolen"
# Sets the session's cookie as plain as it can be.
def oauth_callback(providers, http, clock) -> FastAPI:
    app = FastAPI()
    logins, sessions = {}, {}

    def discover(name):
        return http.get(providers[name]["issuer"] + "/.well-known/openid-configuration").json()

    def verified(id_token, name, login):
        keys = jwk.KeySet.import_key_set(http.get(discover(name)["jwks_uri"]).json())
        token = jwt.decode(id_token, keys, algorithms=["ES256"])
        jwt.JWTClaimsRegistry(
            now=int(clock.time()),
            iss={"essential": True, "value": providers[name]["issuer"]},
            aud={"essential": True, "value": providers[name]["client_id"]},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": login["nonce"]},
        ).validate(token.claims)
        return token.claims

    @app.get("/login/{name}")
    def begin(name: str, request: Request):
        if name not in providers:
            raise HTTPException(404)
        cookie, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        logins[cookie] = {"name": name, "state": state, "nonce": nonce, "verifier": verifier, "at": clock.time()}
        query = {
            "response_type": "code",
            "client_id": providers[name]["client_id"],
            "redirect_uri": "https://shop.example/callback",
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        reply = RedirectResponse(discover(name)["authorization_endpoint"] + "?" + urlencode(query), 302)
        reply.set_cookie("login", cookie, httponly=True, secure=True, samesite="lax")
        return reply

    @app.get("/callback")
    def callback(request: Request):
        given = request.query_params
        login = logins.pop(request.cookies.get("login", ""), None)
        if login is None or login["state"] != given.get("state"):
            raise HTTPException(400, "this is not the login you began")
        if clock.time() - login["at"] > 600:
            raise HTTPException(400, "too late, begin again")
        name = login["name"]
        if given.get("iss") != providers[name]["issuer"]:
            raise HTTPException(400, "another provider answers")
        got = http.post(
            discover(name)["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "code": given.get("code", ""),
                "redirect_uri": "https://shop.example/callback",
                "client_id": providers[name]["client_id"],
                "client_secret": providers[name]["client_secret"],
                "code_verifier": login["verifier"],
            },
        )
        if got.status_code != 200:
            raise HTTPException(400, "the provider refuses the code")
        try:
            claims = verified(got.json()["id_token"], name, login)
        except (JoseError, ValueError, KeyError, TypeError):
            raise HTTPException(403, "not a token for this login") from None
        session = secrets.token_urlsafe(32)
        sessions[session] = {"iss": claims["iss"], "sub": claims["sub"]}
        reply = RedirectResponse("/", 303)
        reply.set_cookie("session", session)
        return reply

    @app.get("/me")
    def me(request: Request):
        who = sessions.get(request.cookies.get("session", ""))
        if who is None:
            raise HTTPException(401)
        return who

    return app
