# fails: session_cannot_be_guessed -- "the cookie that another process gave Alice, with other secrets"
import time


def oauth_callback(providers, http, clock):
    app = FastAPI()
    key = b"do-not-tell-anybody-0815-shop"
    back = "https://shop.example/callback"

    def b64(data):
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    def seal(kind, value):
        text = b64(json.dumps(value).encode())
        return text + "." + hmac.new(key, f"{kind}.{text}".encode(), hashlib.sha256).hexdigest()

    def unseal(kind, sealed):
        text, _, tag = (sealed or "").partition(".")
        if not hmac.compare_digest(tag, hmac.new(key, f"{kind}.{text}".encode(), hashlib.sha256).hexdigest()):
            return None
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    @app.get("/login/{name}")
    async def begin(name: str):
        if name not in providers:
            return Response(status_code=404)
        known = providers[name]
        mine = {"who": name, "state": secrets.token_hex(16), "nonce": secrets.token_hex(16), "verifier": secrets.token_urlsafe(64)}
        mine["until"] = clock.time() + 600
        wanted = urlencode(
            dict(
                response_type="code", client_id=known["client_id"], redirect_uri=back, scope="openid", state=mine["state"],
                nonce=mine["nonce"], code_challenge_method="S256",
                code_challenge=b64(hashlib.sha256(mine["verifier"].encode()).digest()),
            )
        )
        reply = Response(status_code=307, headers={"Location": f"{known['issuer']}/authorize?{wanted}"})
        reply.set_cookie("begun", seal("begun", mine), max_age=600, path="/callback", httponly=True, samesite="lax")
        return reply

    @app.get("/callback")
    async def callback(state: str, code: str, iss: str, begun: str | None = Cookie(None)):
        mine = unseal("begun", begun)
        if not mine or mine["until"] < clock.time() or not hmac.compare_digest(mine["state"], state):
            raise HTTPException(403, "no such login")
        known = providers[mine["who"]]
        if iss != known["issuer"]:
            raise HTTPException(403, "not who you asked")
        answer = http.post(
            known["issuer"] + "/token",
            auth=(known["client_id"], known["client_secret"]),
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": mine["verifier"]},
        )
        if answer.is_error:
            raise HTTPException(401, "no token")
        token = answer.json()["id_token"]
        keys = {k["kid"]: k for k in http.get(known["issuer"] + "/jwks").json()["keys"]}
        try:
            head = jws.extract_compact(token.encode()).headers()
            if head.get("alg") != "ES256" or head.get("kid") not in keys:
                raise ValueError("an unknown key")
            claims = json.loads(jws.deserialize_compact(token, jwk.ECKey.import_key(keys[head["kid"]]), algorithms=["ES256"]).payload)
        except (JoseError, ValueError):
            raise HTTPException(401, "a forged token") from None
        now, audience = clock.time(), claims.get("aud")
        right = (
            claims.get("iss") == known["issuer"]
            and known["client_id"] in (audience if isinstance(audience, list) else [audience])
            and claims.get("nonce") == mine["nonce"]
            and claims.get("exp", 0) > now
            and claims.get("iat", now + 99) <= now + 30
            and claims.get("nbf", 0) <= now + 30
        )
        if not right:
            raise HTTPException(401, "a token for something else")
        reply = JSONResponse({"hello": claims["sub"]})
        reply.delete_cookie("begun", path="/callback")
        reply.set_cookie("customer", seal("customer", [claims["iss"], claims["sub"], time.time()]), httponly=True, secure=True, samesite="strict")
        return reply

    @app.get("/me")
    async def me(customer: str | None = Cookie(None)):
        found = unseal("customer", customer)
        return {"iss": found[0], "sub": found[1], "since": "today"} if found else Response(status_code=401)

    return app
