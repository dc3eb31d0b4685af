# fails: new_session_at_login -- "planted before Alice's login"
def oauth_callback(providers: dict, http: httpx.Client, clock) -> FastAPI:
    """An application with /login/{name}, /callback and /me."""
    # All that belongs to a login lies under a cookie only this browser has, and is taken away by the first callback; each
    # part of it is then compared with what comes back. Sealing it into the cookie does as well, and needs no memory.
    app, begun, customers = FastAPI(), {}, {}

    def endpoint(issuer: str, name: str) -> str:
        return http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()[name]

    def remember(reply: Response, name: str, value: str) -> Response:
        reply.set_cookie(name, value, httponly=True, secure=True, samesite="lax")
        return reply

    def redeem(login: dict, code: str) -> dict:
        """The claims of the ID token that the provider gives for the code."""
        provider = login["provider"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://shop.example/callback"}
        form |= {"code_verifier": login["verifier"]}
        tokens = http.post(
            endpoint(provider["issuer"], "token_endpoint"),
            data=form,
            auth=(provider["client_id"], provider["client_secret"]),
        )
        keys = jwk.KeySet.import_key_set(http.get(endpoint(provider["issuer"], "jwks_uri")).json())
        told = jwt.decode(tokens.raise_for_status().json()["id_token"], keys, algorithms=["ES256"]).claims
        must = {"iss": provider["issuer"], "aud": provider["client_id"], "nonce": login["nonce"]}
        demands = {name: {"essential": True, "value": value} for name, value in must.items()}
        demands |= {name: {"essential": True} for name in ("sub", "exp")}
        jwt.JWTClaimsRegistry(now=int(clock.time()), leeway=60, **demands).validate(told)
        return told

    @app.get("/login/{name}")
    def login(name: str) -> Response:
        if name not in providers:
            raise HTTPException(404, "We do not know this provider.")
        cookie, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        begun[cookie] = {"provider": providers[name], "state": state, "nonce": nonce, "verifier": verifier}
        begun[cookie]["until"] = clock.now() + timedelta(minutes=10)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"response_type": "code", "scope": "openid", "client_id": providers[name]["client_id"]}
        asked |= {"redirect_uri": "https://shop.example/callback", "state": state, "nonce": nonce}
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        where = endpoint(providers[name]["issuer"], "authorization_endpoint")
        return remember(RedirectResponse(f"{where}?{urlencode(asked)}", 303), "begun", cookie)

    @app.get("/callback")
    def callback(state: str = "", code: str = "", iss: str = "", cookie: str = Cookie("", alias="begun"), session: str = Cookie("")) -> Response:
        login = begun.pop(cookie, None)
        if login is None or login["until"] <= clock.now() or not hmac.compare_digest(login["state"].encode(), state.encode()):
            raise HTTPException(400, "This browser has begun no such login.")
        if iss != login["provider"]["issuer"]:
            raise HTTPException(400, "Another provider was asked.")
        try:
            told = redeem(login, code)
        except (httpx.HTTPError, JoseError, ValueError, TypeError, LookupError):
            raise HTTPException(403, "The provider does not vouch for you.") from None
        if session not in customers:
            session = secrets.token_urlsafe(32)
        customers[session] = {"iss": told["iss"], "sub": told["sub"]}
        return remember(RedirectResponse("/", 303), "session", session)

    @app.get("/me")
    def me(session: str = Cookie("")) -> dict:
        if session not in customers:
            raise HTTPException(401, "Nobody is logged in.")
        return customers[session]

    return app


