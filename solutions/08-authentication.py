# %% [markdown]
# # Lab 08: authentication
#
# Behind every form and header stands somebody who wants in.
# In each exercise your code meets those who may, and beside them a bank of attackers who may not: a door that opens to nobody earns nothing.
# Work is counted, not timed, and time is a clock that the check moves.
#
# What holds in every exercise unless it says otherwise:
#
# - `conn` is an open psycopg 3 connection, not in autocommit mode and not in a transaction.
# - When your function returns or raises, what it wanted to keep is **committed**; what is left open is rolled back by the pool the connection came from.
# - `clock.now()` is the moment, an aware `datetime` in UTC, and `clock.time()` the same in seconds since 1970. The server's clock and your machine's show another time.
# - The tables shown are there, with nothing but the keys and defaults shown.
# - Typed errors come from `grader.shop.errors`; an exception class of your own, or a `ValueError`, is as good.

# %% context

# %% [markdown]
# ## 1. Passwords at rest (`store_password`, `verify_password`)
#
# ```sql
# CREATE TABLE credentials (email text PRIMARY KEY, password_hash text NOT NULL);
# ```
#
# `store_password(conn, email, password)` makes `password` the password of `email`, whether there was one or not.
# `verify_password(conn, email, password)` says whether it is: `True` or `False`, also for an address that nobody has.
#
# - Stored is an **Argon2id** hash as a PHC string (`$argon2id$v=19$...`), one that any Argon2 library can verify with the password: 19 to 256 MiB of memory, 2 to 10 passes, salt and hash of at least 16 bytes each. No two hashes share a salt, not even those of one password of one person.
# - Every character counts, the 131st too, and so do capitals and spaces at the ends. But text is text: a password is the same whether its accents come composed (NFC) or decomposed (NFD).
# - Some rows are old: `sha256$<salt>$<hex>`, where `hex` is the hexadecimal SHA-256 of the salt's text followed by the password, in UTF-8; others are Argon2 hashes cheaper than the above. Both are still valid. When their owner logs in with the right password the row is **upgraded** to a hash as above; a wrong one changes nothing.
# - If the password is changed while such a login is being worked on, the change stays.
# - A row may hold what is no hash at all, such as `!` for a closed account: that matches nothing, and is no error.
# - Argon2 is computed **once** by `store_password`, and once by `verify_password`; a second time only to replace a cheap Argon2 hash. A login that upgrades nothing writes nothing.
#
# Example: with `ada@example.com` stored as `sha256$ab12$...`, the right password gives `True` and leaves `$argon2id$v=19$m=65536,t=3,p=4$...`.

# %% answer="store_password"
### BEGIN SOLUTION
# pwdlib's string carries algorithm, cost and salt, so a row says itself whether it is of today's kind; the upgrade
# names the hash it replaces, so a newer password wins. Locking the row while hashing does as well, but holds the lock for a hash.
HASHER = Argon2Hasher()


### END SOLUTION
def store_password(conn: psycopg.Connection, email: str, password: str) -> None:
    """Makes `password` that of `email`: stores its Argon2id hash and commits."""
    ### BEGIN SOLUTION
    stored = HASHER.hash(unicodedata.normalize("NFKC", password))
    with conn.transaction():
        conn.execute(
            "INSERT INTO credentials VALUES (%s, %s) "
            "ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash",
            [email, stored],
        )
    ### END SOLUTION


def verify_password(conn: psycopg.Connection, email: str, password: str) -> bool:
    """Whether `password` is that of `email`; upgrades an old hash that matches, and commits."""
    ### BEGIN SOLUTION
    text = unicodedata.normalize("NFKC", password)
    with conn.transaction():
        row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", [email]).fetchone()
    known = row[0] if row else "!"
    if known.startswith("sha256$"):
        _, salt, digest = known.split("$")
        typed = hashlib.sha256((salt + password).encode()).hexdigest()
        matches, outdated = hmac.compare_digest(typed, digest), True
    elif HASHER.identify(known):
        matches, outdated = HASHER.verify(text, known), HASHER.check_needs_rehash(known)
    else:
        return False
    if matches and outdated:
        fresh = HASHER.hash(text)
        with conn.transaction():
            conn.execute(
                "UPDATE credentials SET password_hash = %s WHERE email = %s AND password_hash = %s",
                [fresh, email, known],
            )
    return matches
    ### END SOLUTION


# %% check="store_password"

# %% [markdown]
# ## 2. Logging in, and failing to (`login`)
#
# ```sql
# CREATE TABLE accounts (
#     id            bigint PRIMARY KEY,
#     email         text NOT NULL UNIQUE,    -- in lower case
#     password_hash text NOT NULL            -- $argon2id$v=19$m=1024,t=1,p=1$..., or ! for a closed account
# );
# ```
#
# `login(conn, redis, email, password, ip, clock)` returns the account's `id` for the right password, and raises `InvalidCredentials` for every other.
# It raises `TooManyAttempts` where too many have failed. Classes of your own are as good, as long as they are two.
# `redis` is a `redis.Redis` client that returns bytes and does not retry; other processes use the same server, and its TTLs run on `clock`.
#
# - Emails are typed in any case; upper and lower case make no difference.
# - Nobody learns from your replies who has an account: unknown email, closed account and wrong password raise the same type with the same text and attributes, and `TooManyAttempts` comes for an email without account as it does for one with.
# - Nor from your work: each of the three computes one Argon2 with the parameters above, as a success does. What is refused with `TooManyAttempts` computes none, and it makes no difference whether its password would have been right.
# - After **5** failures for one email, wherever they came from, attempts for it are refused with `TooManyAttempts`; after **20** failures from one `ip`, whatever the emails, attempts from there. Both end when 15 minutes have passed since the first of these failures. A window that begins with the first failure and one that slides are both good. What was refused with `TooManyAttempts` prolongs nothing.
# - `TooManyAttempts` has `retry_after`: in how many seconds it ends, give or take five.
# - A success is no failure, forgets the failures for its email, and leaves those from its `ip` as they are: an attacker has an account as well.
# - No two attempts at the same moment get more guesses than there are left: where one is left one wrong password is compared, and the other attempt is refused. Attempts for different emails from different places never wait for each other.
# - When a process dies between any two commands, nobody is shut out for longer than these 15 minutes.
# - What was typed as a password is stored and printed nowhere, nor is a fast hash of it.
#
# Example: five wrong passwords for `ada@shop.example` raise `InvalidCredentials`; then the right one raises `TooManyAttempts` with `retry_after` 893.0.

# %% answer="login"
HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)  # as the stored hashes: cheap, for the check
### BEGIN SOLUTION
# The script counts a guess before it is made, and gives each counter its end with its first count, in one step of the
# server; a sliding log in a sorted set is exacter and larger, and a lock around the whole is as right and slower.
TAKE = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[i]) then return {0, redis.call('PTTL', key)} end
end
for _, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[3]) end
end
return {1, 0}
"""
GIVE_BACK = """
redis.call('DEL', KEYS[1])
if tonumber(redis.call('GET', KEYS[2]) or 0) > 0 then redis.call('DECR', KEYS[2]) end
"""
NOBODY = HASHER.hash(secrets.token_urlsafe(16))  # to compare with where there is no hash


### END SOLUTION
def login(conn: psycopg.Connection, redis, email: str, password: str, ip: str, clock) -> int:
    """The id of the account. Raises InvalidCredentials, or TooManyAttempts with its retry_after in seconds."""
    ### BEGIN SOLUTION
    email = email.lower()
    counters = [f"login:failed:email:{email}", f"login:failed:ip:{ip}"]
    allowed, left = redis.eval(TAKE, 2, *counters, 5, 20, 15 * 60)
    if not allowed:
        raise TooManyAttempts(retry_after=left / 1000)
    with conn.transaction():
        row = conn.execute("SELECT id, password_hash FROM accounts WHERE email = %s", [email]).fetchone()
    usable = row is not None and HASHER.identify(row[1])
    matches = HASHER.verify(password, row[1] if usable else NOBODY)
    if not (usable and matches):
        raise InvalidCredentials("Email or password is wrong.")
    redis.eval(GIVE_BACK, 2, *counters)
    return row[0]
    ### END SOLUTION


# %% check="login"

# %% [markdown]
# ## 3. Whose word is it? (`verify_token`)
#
# The shop's API gets access tokens: JWTs, signed by `https://id.shop.example`.
# `verify_token(token, keys, clock)` returns the claims (a `dict`) of a token that is good, and raises `InvalidToken` for every other text. An error of your own or a `ValueError` is as good; `None`, `KeyError` and their like are not.
#
# `keys` is the issuer's key set as it stands at this moment (JWKS, parsed); it may differ from call to call:
#
# ```python
# {"keys": [
#     {"kid": "rsa-1",    "kty": "RSA", "use": "sig", "alg": "RS256", "n": "...", "e": "AQAB"},
#     {"kid": "ec-1",     "kty": "EC",  "use": "sig", "alg": "ES256", "crv": "P-256", "x": "...", "y": "..."},
#     {"kid": "enc-1",    "kty": "EC",  "use": "enc", "crv": "P-256", "x": "...", "y": "..."},
#     {"kid": "rsa-2009", "kty": "RSA", "use": "sig", "alg": "RS256", "n": "...", "e": "AQAB"},    # 1024 bits
# ]}
# ```
#
# A good token
#
# - has three parts, and a header whose `kid` names an entry of `keys` and whose `alg` is that entry's; the entry is for signatures (`use`), and an RSA key has at least 2048 bits,
# - is signed by that key; no other key counts, wherever the token says it is,
# - has the header `typ` `at+jwt` (an access token; upper and lower case do not matter) and no `crit`, because we know no extensions; other members of the header say nothing,
# - has `iss` `https://id.shop.example`, an `aud` that is `shop-api` or a list with it, and a `sub` that is not empty,
# - has an `exp` that is a finite number and has not passed; if it has `nbf` or `iat`, those are numbers that are not in the future. All three are allowed to be wrong by up to 60 seconds, since clocks differ.
#
# Nothing is fetched, and nothing is remembered from call to call: a token that was good runs out, and its key may be gone from the set.
#
# Example: a token with the header `{"alg": "none", "kid": "rsa-1", "typ": "at+jwt"}` and an empty signature is refused, whatever its claims.


# %% answer="verify_token"
def verify_token(token: str, keys: dict, clock) -> dict:
    """The claims of a good access token. Raises InvalidToken for anything else."""

    ### BEGIN SOLUTION
    # The header only ever chooses among our own entries, and the entry says the rest: algorithm, use and size.
    # Checking by hand with cryptography does as well; the library's registry demands the claims so that none is forgotten.
    def ours(message):
        header = message.headers()
        for entry in keys["keys"]:
            if entry["kid"] == header.get("kid") and entry["use"] == "sig" and entry["alg"] == header["alg"]:
                if entry["kty"] == "RSA" and len(entry["n"]) < 2048 / 6:
                    break
                return jwk.import_key(entry)
        raise InvalidToken("no key of ours")

    try:
        found = jwt.decode(token, ours, algorithms=["RS256", "ES256"])
        if str(found.header.get("typ")).lower() != "at+jwt" or "crit" in found.header:
            raise InvalidToken("another kind of token")
        jwt.JWTClaimsRegistry(
            now=int(clock.time()),
            leeway=60,
            iss={"essential": True, "value": "https://id.shop.example"},
            aud={"essential": True, "value": "shop-api"},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(found.claims)
    except (JoseError, ValueError, TypeError, LookupError, AttributeError) as trouble:
        raise InvalidToken("not a token of ours") from trouble
    return found.claims
    ### END SOLUTION


# %% check="verify_token"

# %% [markdown]
# ## 4. A token for a token (`refresh`)
#
# Access tokens live for minutes; a refresh token gives new ones for weeks. Each works **once** and is replaced by its successor; all that came of one login on one device are a **family**.
#
# ```sql
# CREATE TABLE families (
#     id          bigint PRIMARY KEY,
#     customer_id bigint NOT NULL,
#     ends_at     timestamptz NOT NULL,      -- then one must log in again
#     revoked_at  timestamptz                -- no token of it works any more
# );
# CREATE TABLE refresh_tokens (
#     token_hash text PRIMARY KEY,           -- hexadecimal SHA-256 of the token's text
#     family_id  bigint NOT NULL REFERENCES families,
#     expires_at timestamptz NOT NULL,
#     used_at    timestamptz
# );
# ```
#
# `refresh(conn, token, clock)` takes a token and returns its successor (text).
#
# - The successor cannot be guessed (at least 22 characters), is of the same family, and is good for 30 days on `clock`, but not beyond the family's end. `refresh_tokens` holds its hash; the token itself is stored nowhere.
# - A token that is unknown, over, or of a family that has ended or was revoked raises `InvalidToken`. A typed error of your own is as good.
# - A token that was **used before** was stolen by somebody: it is refused, and its family is revoked, so that its newest token is refused from then on as well. Other families of the customer are not touched.
# - Two calls with one token at the same moment are the same thing: at most one gets a successor, the other is refused (with a typed error, not one of the database), and then the family is revoked.
# - Calls for different families never wait for each other.
#
# Example: `a` gives `b`, `b` gives `c`; then `a` is shown again and refused, and so is `c`.


# %% answer="refresh"
def refresh(conn: psycopg.Connection, token: str, clock) -> str:
    """Exchanges a refresh token for its successor; commits. Raises InvalidToken, and then what it revoked stays revoked."""
    ### BEGIN SOLUTION
    # The UPDATE decides and marks in one step, so of two calls one finds the token unused; the error is raised after
    # the commit, because inside the transaction it would take the revocation back. Locking the row first does as well.
    now, successor = clock.now(), secrets.token_urlsafe(32)
    with conn.transaction():
        family = conn.execute(
            """
            UPDATE refresh_tokens AS t SET used_at = %(now)s FROM families AS f
            WHERE t.token_hash = %(hash)s AND f.id = t.family_id AND t.used_at IS NULL AND t.expires_at > %(now)s
              AND f.revoked_at IS NULL AND f.ends_at > %(now)s
            RETURNING f.id, f.ends_at
            """,
            {"now": now, "hash": hashlib.sha256(token.encode()).hexdigest()},
        ).fetchone()
        if family:
            conn.execute(
                "INSERT INTO refresh_tokens (token_hash, family_id, expires_at) VALUES (%s, %s, %s)",
                [
                    hashlib.sha256(successor.encode()).hexdigest(),
                    family[0],
                    min(now + timedelta(days=30), family[1]),
                ],
            )
        else:
            conn.execute(
                """
                UPDATE families SET revoked_at = %s WHERE revoked_at IS NULL AND id =
                  (SELECT family_id FROM refresh_tokens WHERE token_hash = %s AND used_at IS NOT NULL)
                """,
                [now, hashlib.sha256(token.encode()).hexdigest()],
            )
    if not family:
        raise InvalidToken("log in again")
    return successor
    ### END SOLUTION


# %% check="refresh"

# %% [markdown]
# ## 5. Somebody else knows her (`oauth_callback`)
#
# The shop lets people in who have an account with a provider: the authorization code flow of OpenID Connect. `oauth_callback(providers, http, clock)` returns a FastAPI application (any ASGI application will do), reached from outside as `https://shop.example`. One process runs it, so what you remember may live in it.
#
# ```
# GET /login/home           redirects (302, 303 or 307) to the provider named home
# GET /callback?code=...&state=...&iss=...     what the provider sends the browser to: 2xx or a redirect, or 4xx
# GET /me                   200 {"iss": "http://id.home.example", "sub": "alice"}: who this browser is logged in as; 401 for nobody
# ```
#
# `providers` is a dict by name; with each, the shop has registered the one address `https://shop.example/callback`:
#
# ```python
# {"home":    {"issuer": "http://id.home.example",    "client_id": "...", "client_secret": "..."},
#  "partner": {"issuer": "http://id.partner.example", "client_id": "...", "client_secret": "..."}}
# ```
#
# `http` is an `httpx.Client` that reaches both. Each says the rest about itself at `<issuer>/.well-known/openid-configuration`; its endpoints are `<issuer>/authorize`, `<issuer>/token` and `<issuer>/jwks`. Both sign ID tokens with ES256, change their keys now and then, send `iss` along to the callback, and take the client's secret in the form or by HTTP Basic.
#
# - The redirect asks for `response_type=code`, a `scope` with `openid`, and the registered `redirect_uri`, whatever the request's headers say. A request for another host may be refused with 4xx.
# - Each login has a `state`, a `nonce` and a PKCE verifier of its own (`code_challenge_method=S256`; 43 to 128 characters), drawn from the system's randomness; state and nonce have at least 22 characters.
# - A callback counts only in the browser that began the login, with its `state`, once, and within ten minutes of `clock`. The browser keeps cookies as real ones do: it comes from another site, so `SameSite=Strict` keeps them back.
# - It counts only if its `iss` is the provider that this login was begun with, and only that one is ever sent the code.
# - The ID token is signed by a key of that provider's set, has its issuer as `iss`, our `client_id` as `aud`, the `nonce` of this login, and holds at this moment (`exp`, and `iat` and `nbf` if there; a minute more or less does not matter). Userinfo is nobody's proof of a login.
# - People are told apart by issuer and subject; anybody can claim an e-mail address.
# - With the login the browser gets a session it did not have before: cookies from before open nothing afterwards, and nobody can make one up.
# - Everything else at `/callback` is refused with 4xx, never with 5xx, and logs nobody in. Two people may log in at the same time.
#
# Example: Mallory begins a login, keeps the address her browser is to be sent to, and lures Ada's browser there; Ada is not logged in as Mallory.


# %% answer="oauth_callback"
def oauth_callback(providers: dict, http: httpx.Client, clock) -> FastAPI:
    """An application with /login/{name}, /callback and /me."""
    ### BEGIN SOLUTION
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
    def callback(state: str = "", code: str = "", iss: str = "", cookie: str = Cookie("", alias="begun")) -> Response:
        login = begun.pop(cookie, None)
        if login is None or login["until"] <= clock.now() or not hmac.compare_digest(login["state"].encode(), state.encode()):
            raise HTTPException(400, "This browser has begun no such login.")
        if iss != login["provider"]["issuer"]:
            raise HTTPException(400, "Another provider was asked.")
        try:
            told = redeem(login, code)
        except (httpx.HTTPError, JoseError, ValueError, TypeError, LookupError):
            raise HTTPException(403, "The provider does not vouch for you.") from None
        session = secrets.token_urlsafe(32)
        customers[session] = {"iss": told["iss"], "sub": told["sub"]}
        return remember(RedirectResponse("/", 303), "session", session)

    @app.get("/me")
    def me(session: str = Cookie("")) -> dict:
        if session not in customers:
            raise HTTPException(401, "Nobody is logged in.")
        return customers[session]

    return app
    ### END SOLUTION


# %% check="oauth_callback"

# %% [markdown]
# ## 6. A way back in (`reset_password`)
#
# Whoever has forgotten the password gets a link by mail. `reset_password(database_url, send_mail, hash_password, clock)` returns a FastAPI application (any ASGI application will do) with three routes, reached from outside as `https://shop.example`; several processes run it.
#
# ```
# POST /forgot  {"email": "ada@example.com"}                 2xx
# GET  /reset?token=TOKEN                                    200: a page with a form, whatever is on it
# POST /reset   {"token": "TOKEN", "password": "..."}        2xx, or 4xx
# ```
#
# ```sql
# CREATE TABLE customers (
#     id            bigint PRIMARY KEY,
#     email         text NOT NULL UNIQUE,           -- in small letters
#     password_hash text NOT NULL
# );
# CREATE TABLE sessions (                           -- who is logged in; a row that is gone is a session that has ended
#     token_hash  text PRIMARY KEY,
#     customer_id bigint NOT NULL REFERENCES customers
# );
# CREATE TABLE password_resets (                    -- for your use, or make tables of your own
#     token_hash  text PRIMARY KEY,
#     customer_id bigint NOT NULL REFERENCES customers,
#     expires_at  timestamptz NOT NULL,
#     used_at     timestamptz
# );
# ```
#
# `database_url` is for `psycopg.connect`, `hash_password(text)` gives what `password_hash` has to hold, and `send_mail(to, subject, text)` sends a mail, or raises when the mail server does not answer.
#
# - The mail goes to the address in the customer's row and to no other, whatever the request says; an address nobody has gets none. Capitals in a request do not matter. What is no text (a list, say) may be refused with 4xx.
# - Its text holds a link `https://shop.example/reset?token=TOKEN`, and no link that leads elsewhere. There is no throttling here: every request for a known address sends a link of its own. Whether a newer link ends an older one is up to you.
# - The token is drawn from the system's randomness, at least 22 characters of it. The database holds nothing from which a token can be read.
# - The reply to `/forgot` does not depend on whether a customer has the address: status, headers, cookies and body are the same, apart from the typed address, also while `send_mail` raises. Asking changes neither password nor sessions.
# - Opening the page, once or often, changes nothing, because mail programs do it too; it is served with a `Referrer-Policy` of `no-referrer` (or `same-origin`). A new password of fewer than 8 characters is refused with 4xx, and the link stays good.
# - A link is good for 30 minutes of `clock`, and for one new password. Setting it makes all other links of this customer useless and ends all her sessions; nothing of other customers changes.
# - Of two requests with one link at the same moment one succeeds and the other is refused. Whatever else is sent as a token is refused with 4xx, never with 5xx.
#
# Example: Mallory sends `POST /forgot` for Ada's address with `Host: evil.example`; Ada's mail still says `https://shop.example/reset?token=...`.


# %% answer="reset_password"
### BEGIN SOLUTION
class ForgotRequest(BaseModel):
    email: str


class ResetRequest(BaseModel):
    token: str
    password: str


### END SOLUTION
def reset_password(database_url: str, send_mail, hash_password, clock) -> FastAPI:
    """An application with POST /forgot, GET /reset and POST /reset."""
    ### BEGIN SOLUTION
    # The link is built from what we know and mailed to whom we know; of the token only a digest stays. The UPDATE finds the
    # link unused and marks it in one step, in the transaction that does the rest; locking the customer's row does as well.
    app = FastAPI()

    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    def post(address: str, token: str) -> None:
        with suppress(Exception):  # a mail that fails must look like one that was never to be sent
            send_mail(address, "A new password", f"Choose it here: https://shop.example/reset?token={token}")

    @app.post("/forgot", status_code=202)
    def forgot(request: ForgotRequest, later: BackgroundTasks):
        token = secrets.token_urlsafe(32)
        with psycopg.connect(database_url) as conn:
            owner = conn.execute(
                """
                WITH owner AS (SELECT id, email FROM customers WHERE email = lower(%s)), link AS (
                    INSERT INTO password_resets (token_hash, customer_id, expires_at) SELECT %s, id, %s FROM owner)
                SELECT email FROM owner
                """,
                [request.email, digest_of(token), clock.now() + timedelta(minutes=30)],
            ).fetchone()
        if owner:
            later.add_task(post, owner[0], token)
        return {"message": "If a customer has this address, a mail is on its way."}

    @app.get("/reset")
    def page() -> HTMLResponse:
        form = "<form method='post'><input type='password' name='password'></form>"
        return HTMLResponse(form, headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})

    @app.post("/reset", status_code=204)
    def reset(request: ResetRequest):
        if len(request.password) < 8:
            raise HTTPException(422, "A password has at least 8 characters.")
        stored = hash_password(request.password)
        with psycopg.connect(database_url) as conn:
            owner = conn.execute(
                "UPDATE password_resets SET used_at = %(now)s WHERE token_hash = %(digest)s "
                "AND used_at IS NULL AND expires_at > %(now)s RETURNING customer_id",
                {"now": clock.now(), "digest": digest_of(request.token)},
            ).fetchone()
            if owner is None:
                raise HTTPException(410, "This link does not work any more; ask for another.")
            conn.execute("UPDATE customers SET password_hash = %s WHERE id = %s", [stored, *owner])
            conn.execute("DELETE FROM password_resets WHERE customer_id = %s", owner)
            conn.execute("DELETE FROM sessions WHERE customer_id = %s", owner)

    return app
    ### END SOLUTION


# %% check="reset_password"
