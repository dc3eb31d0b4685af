# accepts: the state finds the login and its hash must match the browser's cookie; keys are kept and fetched again for an unknown kid
class Login:
    def __init__(self, provider, at):
        self.provider, self.at = provider, at
        self.browser, self.nonce = secrets.token_urlsafe(24), str(uuid.uuid4())
        self.verifier = secrets.token_urlsafe(48)


class Provider:
    def __init__(self, http, issuer, client_id, client_secret):
        self.http, self.issuer, self.id, self.secret = http, issuer, client_id, client_secret
        self.keys = {}
        self.about = None

    def discovered(self):
        if self.about is None:
            self.about = self.http.get(f"{self.issuer}/.well-known/openid-configuration").raise_for_status().json()
            assert self.about["issuer"] == self.issuer
        return self.about

    def key(self, kid):
        if kid not in self.keys:
            entries = self.http.get(self.discovered()["jwks_uri"]).json()["keys"]
            self.keys = {entry["kid"]: jwk.import_key(entry) for entry in entries}
        return self.keys[kid]

    def claims(self, token, nonce, now):
        found = jwt.decode(token, lambda message: self.key(message.headers()["kid"]), algorithms=["ES256"])
        must = {"iss": self.issuer, "aud": self.id, "nonce": nonce}
        rules = {name: {"essential": True, "value": value} for name, value in must.items()}
        jwt.JWTClaimsRegistry(now=int(now), leeway=10, exp={"essential": True}, **rules).validate(found.claims)
        return found.claims


def oauth_callback(providers, http, clock):
    known = {name: Provider(http, **settings) for name, settings in providers.items()}
    begun: dict[str, Login] = {}
    people: dict[str, dict] = {}
    app = FastAPI()

    @app.get("/login/{name}")
    def start(name: str):
        provider = known.get(name)
        if not provider:
            raise HTTPException(404)
        state, login = secrets.token_urlsafe(24), Login(provider, clock.now())
        begun[state] = login
        digest = hashlib.sha256(login.verifier.encode()).digest()
        url = httpx.URL(
            provider.discovered()["authorization_endpoint"],
            params={
                "client_id": provider.id,
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
                "nonce": login.nonce,
                "redirect_uri": "https://shop.example/callback",
                "response_type": "code",
                "scope": "openid",
                "state": state,
            },
        )
        response = RedirectResponse(str(url))
        response.set_cookie("__Host-" + hashlib.sha256(state.encode()).hexdigest()[:12], login.browser, secure=True, httponly=True)
        return response

    @app.get("/callback")
    def callback(request: Request, state: str = "", code: str = "", iss: str = ""):
        login = begun.get(state)
        mine = request.cookies.get("__Host-" + hashlib.sha256(state.encode()).hexdigest()[:12], "")
        if login is None or not secrets.compare_digest(mine, login.browser):
            return JSONResponse({"error": "you did not begin this"}, 400)
        del begun[state]
        if clock.now() - login.at > timedelta(minutes=10) or iss != login.provider.issuer or not code:
            return JSONResponse({"error": "begin again"}, 400)
        try:
            tokens = http.post(
                login.provider.discovered()["token_endpoint"],
                data={
                    "client_id": login.provider.id, "client_secret": login.provider.secret, "code": code,
                    "code_verifier": login.verifier, "grant_type": "authorization_code",
                    "redirect_uri": "https://shop.example/callback",
                },
            ).raise_for_status().json()
            claims = login.provider.claims(tokens["id_token"], login.nonce, clock.time())
        except (httpx.HTTPError, JoseError, LookupError, ValueError) as trouble:
            return JSONResponse({"error": type(trouble).__name__}, 401)
        session = str(uuid.uuid4())
        people[session] = {"iss": login.provider.issuer, "sub": claims["sub"]}
        response = RedirectResponse("/", 303)
        response.set_cookie("__Host-session", session, secure=True, httponly=True)
        return response

    @app.get("/me")
    def me(session: str = Cookie("", alias="__Host-session")):
        if session not in people:
            raise HTTPException(401, headers={"WWW-Authenticate": "Cookie"})
        return people[session]

    return app
