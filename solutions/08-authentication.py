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
# - Every character counts, the 1,301st too, and so do capitals, spaces and line breaks at the ends. But text is text: a password is the same whether its accents come composed (NFC) or decomposed (NFD).
# - Some rows are old: `sha256$<salt>$<hex>`, where `hex` is the hexadecimal SHA-256 of the salt's text followed by the password, composed (NFC) and in UTF-8; others are Argon2 hashes cheaper than the above, in memory or in passes. Both are still valid. When their owner logs in with the right password the row is **upgraded** to a hash as above; a wrong one changes nothing.
# - If the password is changed while such a login is being worked on, the change stays.
# - A row may hold what is no hash at all, such as `!` for a closed account, an empty text or `sha256$x`: that matches nothing, and is no error.
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
        salt, _, digest = known.removeprefix("sha256$").partition("$")
        typed = hashlib.sha256((salt + password).encode()).hexdigest()
        matches, outdated = hmac.compare_digest(typed.encode(), digest.encode()), True
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
# - After **5** failures for one email, wherever they came from, attempts for it are refused with `TooManyAttempts`; after **20** failures from one `ip`, whatever the emails, attempts from there. Both end when 15 minutes have passed since the first of these failures. A window that begins with the first failure and one that slides are both good. What was refused with `TooManyAttempts` was not compared, so it is no failure: it counts nowhere and prolongs nothing.
# - `TooManyAttempts` has `retry_after`, given as `TooManyAttempts(retry_after=893.0)` or set as an attribute: in how many seconds it ends, give or take five.
# - A success is no failure, forgets the failures for its email, and leaves those from its `ip` as they are: an attacker has an account as well.
# - No two attempts at the same moment get more guesses than there are left: where one is left one wrong password is compared, and the other attempt is refused. Attempts for different emails from different places never wait for each other.
# - When a process dies between any two commands, nobody is shut out for longer than these 15 minutes.
# - What was typed as a password is stored and printed nowhere, nor is a part, an encoding or a fast hash of it.
#
# Example: five wrong passwords for `ada@shop.example` raise `InvalidCredentials`; then the right one raises `TooManyAttempts` with `retry_after` 893.0.

# %% answer="login"
HASHER = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)  # as the stored hashes: cheap, for the check
### BEGIN SOLUTION
# The script counts a guess before it is made, and gives each counter its end with its first count, in one step of the
# server; a counter that is back at nothing is removed, or its window would begin with a guess that was right.
# A sliding log in a sorted set is exacter and larger, and a lock around the whole is as right and slower.
TAKE = """
local wait = -1
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[i]) then wait = math.max(wait, redis.call('PTTL', key)) end
end
if wait >= 0 then return {0, wait} end
for _, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[3]) end
end
return {1, 0}
"""
GIVE_BACK = """
redis.call('DEL', KEYS[1])
if redis.call('DECR', KEYS[2]) <= 0 then redis.call('DEL', KEYS[2]) end
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
# ## 3. Staying logged in (`sessions`)
#
# `sessions(database_url, redis, check_password, clock)` returns a FastAPI application (any ASGI application will do) with four routes; several processes run it.
#
# ```
# POST /login               {"email": "...", "password": "..."}     2xx and the cookie, or 401
# GET  /me                                                          200 {"id": 7}, or 401
# POST /logout                                                      2xx; ends this session
# POST /logout-everywhere                                           2xx; ends every session of the account
# ```
#
# ```sql
# CREATE TABLE sessions (            -- for your use, or make tables of your own, or keep sessions in Redis
#     token_hash text PRIMARY KEY,
#     account_id bigint NOT NULL,
#     created_at timestamptz NOT NULL,
#     seen_at    timestamptz NOT NULL
# );
# ```
#
# `database_url` is for `psycopg.connect`; `redis` is a `redis.Redis` client that returns bytes, and its TTLs run on `clock`; `check_password(email, password)` gives the account's id, or `None`.
#
# - The cookie is `__Host-session`: `Secure`, `HttpOnly`, `SameSite=Lax` or `Strict`, `Path=/`, without `Domain`. If it has a `Max-Age`, then of 12 hours at most.
# - Its value is an id of at least 22 characters from the system's randomness. Neither database nor Redis holds anything from which an id can be read.
# - Every login makes a new id, whatever cookie the browser brings along. If that was of a session, whoever's it was, that session ends.
# - A session ends 30 minutes after its last request to `/me`, and 12 hours after the login however busy it is. A minute more or less makes no difference. What has ended does not come back. Whoever asks for something with the cookie of a session that has ended is nobody: no session ends by it.
# - A logout ends the session in every process, and makes the browser drop the cookie (a `Set-Cookie` with `Max-Age=0`, `Path=/` and `Secure`). Other sessions of the account go on. A logout without a session is answered 2xx or 401.
# - When a logout has been answered the session has ended, also if a request to `/me` was under way at the same moment.
# - `/logout-everywhere` ends all sessions of the account, in whatever browser, and no other's. The account can log in again at once.
# - Whatever else is sent as the cookie is answered 401 by `/me`, and never 5xx.
#
# Example: Ada logs in with a cookie that Mallory has planted in her browser; Mallory's copy of that cookie is answered 401.


# %% answer="sessions"
### BEGIN SOLUTION
class Login(BaseModel):
    email: str
    password: str


### END SOLUTION
def sessions(database_url: str, redis, check_password, clock) -> FastAPI:
    """An application with POST /login, GET /me, POST /logout and POST /logout-everywhere."""
    ### BEGIN SOLUTION
    # The row is the session and the cookie only its name, so deleting it ends it everywhere; an UPDATE moves the last use of
    # a session that is still there and makes none. Redis is as good, if moving the end cannot bring a deleted key back.
    app = FastAPI()
    cookie = {"key": "__Host-session", "path": "/", "secure": True, "httponly": True, "samesite": "lax"}

    def digest_of(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    def end(conn: psycopg.Connection, token: str) -> None:
        conn.execute("DELETE FROM sessions WHERE token_hash = %s", [digest_of(token)])

    def whose(conn: psycopg.Connection, token: str) -> int:
        """The account of a live session, whose last use is now."""
        now = clock.now()
        row = conn.execute(
            "UPDATE sessions SET seen_at = %s WHERE token_hash = %s AND seen_at > %s AND created_at > %s RETURNING account_id",
            [now, digest_of(token), now - timedelta(minutes=30), now - timedelta(hours=12)],
        ).fetchone()
        if row is None:
            raise HTTPException(401, "Log in first.")
        return row[0]

    @app.post("/login")
    def log_in(asked: Login, response: Response, brought: str = Cookie("", alias="__Host-session")):
        account, token = check_password(asked.email, asked.password), secrets.token_urlsafe(32)
        if account is None:
            raise HTTPException(401, "Email or password is wrong.")
        with psycopg.connect(database_url) as conn:
            end(conn, brought)
            conn.execute(
                "INSERT INTO sessions VALUES (%s, %s, %s, %s)", [digest_of(token), account, *[clock.now()] * 2]
            )
        response.set_cookie(value=token, max_age=12 * 3600, **cookie)
        return {"id": account}

    @app.get("/me")
    def me(token: str = Cookie("", alias="__Host-session")):
        with psycopg.connect(database_url) as conn:
            return {"id": whose(conn, token)}

    @app.post("/logout")
    def log_out(response: Response, token: str = Cookie("", alias="__Host-session")):
        with psycopg.connect(database_url) as conn:
            end(conn, token)
        response.delete_cookie(**cookie)
        return {}

    @app.post("/logout-everywhere")
    def log_out_everywhere(response: Response, token: str = Cookie("", alias="__Host-session")):
        with psycopg.connect(database_url) as conn:
            conn.execute("DELETE FROM sessions WHERE account_id = %s", [whose(conn, token)])
        response.delete_cookie(**cookie)
        return {}

    return app
    ### END SOLUTION


# %% check="sessions"

# %% [markdown]
# ## 4. Whose word is it? (`verify_token`)
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
# - has the header `typ` `at+jwt` (an access token; upper and lower case do not matter) and no `crit`, because we know no extensions; what else it may say of keys (`jku`, `jwk`, `x5u`) is no reason to believe or to refuse it,
# - has `iss` `https://id.shop.example`, to the letter, an `aud` that is `shop-api` or a list with it, and a `sub` that is not empty,
# - has an `exp` that is a finite number (a fraction too) and has not passed; if it has `nbf` or `iat`, those are numbers (`true` is none) that are not in the future. All three are allowed to be wrong by up to 60 seconds, since clocks differ.
#
# Nothing is fetched, and nothing is remembered from call to call: a token that was good runs out, and its key may be gone from the set, or another may have taken its kid.
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
# ## 5. A token for a token (`refresh`)
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
# - The successor cannot be guessed, not even by who knows the token before it (at least 22 characters), is of the same family, and is good for 30 days on `clock`, but not beyond the family's end. `refresh_tokens` holds its hash; the token itself is stored nowhere.
# - A token that is unknown, over, or of a family that has ended or was revoked raises `InvalidToken`. A typed error of your own is as good. Nothing is revoked for it: to come too late is no sign of a theft.
# - A token that was **used before** was stolen by somebody, also if it has run out since: it is refused, and its family is revoked (`revoked_at` says since when), so that its newest token is refused from then on as well. Other families of the customer are not touched.
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
# ## 6. Keys for programs (`create_key`, `check_key`, `rotate_key`, `revoke_key`)
#
# Other people's programs call the shop with an API key, at every request.
#
# ```sql
# CREATE TABLE api_keys (
#     id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
#     owner_id   bigint NOT NULL,
#     prefix     text NOT NULL UNIQUE,       -- how the key begins; may be shown in lists and logs
#     key_hash   text NOT NULL,
#     scopes     text[] NOT NULL,
#     created_at timestamptz NOT NULL,
#     expires_at timestamptz,                -- from then on it is refused; an administrator may set it too
#     rotated_at timestamptz,                -- when it got a successor
#     revoked_at timestamptz
# );
# ```
#
# - `create_key(conn, owner_id, scopes, clock)` returns a new key, a text that is shown this once. It begins with `shop_`, so that scanners of published code know it. Its `prefix` has at least 8 characters; after it come at least 22 that nobody can guess, whatever other keys they know: 128 random bits or more.
# - Nothing of those is stored, but for a hash (`key_hash`, at least 22 characters).
# - `check_key(conn, key, scope, clock)` returns the owner's id. A key that is unknown, malformed in whatever way (a space or a line break before or after it is enough), over or revoked raises `InvalidKey`, always with the same text and attributes. A good key without this very scope raises `MissingScope`: scopes are names, and none (`*`, `admin`) stands for others.
# - It is called at every request, and there are many keys: it sends **one** statement, which an index answers, writes nothing, and computes no password hash.
# - `rotate_key(conn, key, clock)` returns a new key with the owner and the scopes of the old one, which goes on working for 24 hours on `clock`, and never longer than it would have. A key that is not good, malformed in whatever way, or was rotated before, raises `InvalidKey`. Of two rotations of one key at the same moment one makes the successor, the other raises `InvalidKey`.
# - `revoke_key(conn, prefix, clock)` ends the key with exactly this prefix at once and for every process, also one that was rotated. Other keys go on, its successor too; where no key has this prefix (half a one, say, or `%`), nothing ends.
# - Error classes of your own are as good, as long as they are two.
#
# Example: `create_key(conn, 7, ["orders:read"], clock)` gives `shop_k3Jx0a9Q_rT5v...`; `check_key` of it returns 7 for `orders:read` and raises `MissingScope` for `orders`.

# %% answer="api_keys"
### BEGIN SOLUTION
# A public random part finds the row by equality, so the index does the work; the rest has 256 bits, which a fast hash
# protects as well as a slow one. The UPDATE decides which of two rotations won; locking the row first does as well.
GOOD = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)"


def _parts(key):
    """The prefix by which a key is found, and the hash that is compared."""
    return key[:13], hashlib.sha256(key.encode()).hexdigest()


### END SOLUTION
def create_key(conn: psycopg.Connection, owner_id: int, scopes: list[str], clock) -> str:
    """Makes a key; commits."""
    ### BEGIN SOLUTION
    key = f"shop_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    with conn.transaction():
        conn.execute(
            "INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at) VALUES (%s, %s, %s, %s, %s)",
            [owner_id, *_parts(key), scopes, clock.now()],
        )
    return key
    ### END SOLUTION


def check_key(conn: psycopg.Connection, key: str, scope: str, clock) -> int:
    """The owner's id. Raises InvalidKey, or MissingScope."""
    ### BEGIN SOLUTION
    row = None
    if key.isascii() and key.isprintable() and len(key) < 200:  # what Postgres or the driver would choke on
        prefix, digest = _parts(key)
        with conn.transaction():
            row = conn.execute(
                f"SELECT owner_id, scopes, key_hash FROM api_keys WHERE prefix = %(prefix)s AND {GOOD}",
                {"prefix": prefix, "now": clock.now()},
            ).fetchone()
    if row is None or not hmac.compare_digest(row[2], digest):
        raise InvalidKey("not a key of ours")
    if scope not in row[1]:
        raise MissingScope(scope)
    return row[0]
    ### END SOLUTION


def rotate_key(conn: psycopg.Connection, key: str, clock) -> str:
    """The successor of a key, which works for 24 hours more; commits. Raises InvalidKey."""
    ### BEGIN SOLUTION
    if not (key.isascii() and key.isprintable() and len(key) < 200):
        raise InvalidKey("not a key of ours")
    prefix, digest = _parts(key)
    moment = {"now": clock.now(), "end": clock.now() + timedelta(hours=24), "prefix": prefix, "hash": digest}
    with conn.transaction():
        row = conn.execute(
            f"""
            UPDATE api_keys SET rotated_at = %(now)s, expires_at = least(expires_at, %(end)s)
             WHERE prefix = %(prefix)s AND key_hash = %(hash)s AND rotated_at IS NULL AND {GOOD}
            RETURNING owner_id, scopes
            """,
            moment,
        ).fetchone()
        if row is None:
            raise InvalidKey("not a key of ours")
        return create_key(conn, *row, clock)
    ### END SOLUTION


def revoke_key(conn: psycopg.Connection, prefix: str, clock) -> None:
    """Ends the key with this prefix at once; commits."""
    ### BEGIN SOLUTION
    with conn.transaction():
        conn.execute(
            "UPDATE api_keys SET revoked_at = %s WHERE prefix = %s AND revoked_at IS NULL", [clock.now(), prefix]
        )
    ### END SOLUTION


# %% check="api_keys"

# %% [markdown]
# ## 7. Somebody else knows her (`oauth_callback`)
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
# - Each login has a `state`, a `nonce` and a PKCE verifier of its own (`code_challenge_method=S256`; 43 to 128 characters), drawn from the system's randomness, so that none tells another; state and nonce have at least 22 characters.
# - A callback counts only in the browser that began the login, with its `state`, once, and within ten minutes of `clock`, also where somebody has kept cookies that ran out. The browser keeps cookies as real ones do: it comes from another site, so `SameSite=Strict` keeps them back.
# - It counts only if its `iss` is the provider that this login was begun with, and only that one is ever sent the code.
# - The ID token is signed by a key of that provider's set, has its issuer as `iss`, our `client_id` as `aud`, the `nonce` of this login, an `exp` that has not passed, and no `iat` or `nbf` in the future (a minute more or less does not matter). The other provider's keys count for nothing here. Userinfo is nobody's proof of a login.
# - People are told apart by issuer and subject; anybody can claim an e-mail address.
# - With the login the browser gets a session it did not have before, and no cookie from before opens it. Its cookie is `Secure` and `HttpOnly` and has at least 22 characters, and nobody can make one up, not even who knows your code, the addresses that the login went through and the cookies of others.
# - Everything else at `/callback` is refused with 4xx, never with 5xx, and logs nobody in. Two people may log in at the same time.
#
# Example: Mallory begins a login, keeps the address his browser is to be sent to, and lures Ada's browser there; Ada is not logged in as Mallory.


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
# ## 8. A way back in (`reset_password`)
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
# - Opening the page, once or often, changes nothing, because mail programs do it too; it is served with a `Referrer-Policy` of `no-referrer` (or `same-origin`), and whatever stands in its address comes back on it escaped, or not at all. A new password of fewer than 8 characters (not bytes or units of UTF-16, and spaces at its ends count) is refused with 4xx, and the link stays good.
# - A link is good for 30 minutes of `clock`, and for one new password. Setting it makes all other links of this customer useless and ends all her sessions; nothing of other customers changes.
# - Of two requests at the same moment with one link, or with two links of one customer, one succeeds and the other is refused. Whatever else is sent as a token is refused with 4xx, never with 5xx.
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
    # link unused and marks it in one step, in the transaction that does the rest. The customer's row is locked before, so
    # that two links of hers take turns; otherwise each would wait for the other to be deleted.
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
            conn.execute(
                "SELECT FROM customers WHERE id = (SELECT customer_id FROM password_resets WHERE token_hash = %s) FOR UPDATE",
                [digest_of(request.token)],
            )
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

# %% [markdown]
# ## 9. Break in (`break_in`)
#
# Another shop lets people in by two steps: a password, then a code of six digits that it mails.
#
# ```
# POST /login   {"email": "...", "password": "..."}               200 {"ticket": "..."}, and a code is mailed; or 401
# POST /code    {"ticket": "...", "email": "...", "code": "..."}  200 {"session": "..."}; or 401
# GET  /account   Authorization: Bearer SESSION                   200 {"email": "...", "note": "..."}; or 401
# GET  /mailbox                                                   200 {"codes": ["481516"]}: what was mailed to Mallory, the newest last
# ```
#
# Its tables, and the function behind `POST /code`:
#
# ```sql
# CREATE TABLE customers (
#     id       bigint PRIMARY KEY,
#     email    text NOT NULL UNIQUE,
#     password text NOT NULL,
#     note     text NOT NULL
# );
# CREATE TABLE tickets (                       -- one for each time a password was right
#     ticket      text PRIMARY KEY,
#     customer_id bigint NOT NULL REFERENCES customers,
#     code        text NOT NULL,
#     created_at  timestamptz NOT NULL,
#     guesses     int NOT NULL DEFAULT 0,      -- wrong codes so far
#     used_at     timestamptz
# );
# ```
#
# ```python
# def check_code(conn, form, clock):
#     ticket = conn.execute("SELECT code FROM tickets WHERE ticket = %s", [form["ticket"]]).fetchone()
#     customer = conn.execute("SELECT id FROM customers WHERE email = %s", [form["email"]]).fetchone()
#     if ticket is None or customer is None:
#         return None
#     if not ticket[0].startswith(str(form["code"])):
#         return None
#     return customer[0]
# ```
#
# You are Mallory: `mallory@evil.example` with the password `correct horse`. `break_in(client)` gets an `httpx.Client` for one shop (`client.post("/login", json={...})`) and returns the note in the account of `ada@example.com`.
#
# - There are several such shops, each with codes of its own. One more looks the same and has no hole: there `break_in` returns `None`, without an error and without claiming anything.
# - Each shop gets 50 requests at most.
#
# Example: `"gift-417002386"` from a shop with the hole, `None` from the one without.


# %% answer="break_in"
def break_in(client: httpx.Client) -> str | None:
    """The note in Ada's account, or None where there is no way in."""
    ### BEGIN SOLUTION
    # The ticket says whose password was right, but the function believes the address in the form; so one's own ticket
    # and code open any account. An empty code does as well, since every code begins with nothing.
    mallory = {"email": "mallory@evil.example", "password": "correct horse"}
    form = client.post("/login", json=mallory).json()
    form |= {"email": "ada@example.com", "code": client.get("/mailbox").json()["codes"][-1]}
    entered = client.post("/code", json=form)
    if not entered.is_success:
        return None
    session = {"Authorization": f"Bearer {entered.json()['session']}"}
    found = client.get("/account", headers=session).json()
    return found["note"] if found["email"] == form["email"] else None
    ### END SOLUTION


# %% check="break_in"

# %% [markdown]
# ## 10. Then close the hole (`close_the_hole`)
#
# The same shop, the same tables, and now it is yours. Write the function behind `POST /code` again: `close_the_hole(conn, form, clock)` returns the id of the customer who is in, and `None` for nobody.
#
# The shop opens `conn` for each form, commits when your function returns, and rolls back when it raises. `InvalidCredentials` (or another error of `grader.shop.errors`) is a refusal like `None`; any other exception is answered 500. `form` is the JSON object that was sent, whatever is in it: `{"ticket": "...", "email": "...", "code": "..."}`. What no database takes as text, such as a NUL character, the shop has refused before.
#
# - A ticket lets in the customer it was made for, with its own code: all six digits, as text, nothing less and nothing else. The address in the form decides nothing.
# - It works once, and for ten minutes of `clock`.
# - After five wrong codes it is over, for the right one too; after four it is not. Other tickets of the same customer are not touched by that.
# - At the same moment one code lets one in, and two wrong codes count as two. Nor do codes at the same moment get more guesses than are left: where one is left, only one of two codes can let anybody in.
# - Forms that hold something else in place of a ticket or a code, or nothing, are refused; a space more, other digits or other capitals are something else too.
#
# Example: Mallory's ticket with Mallory's code and `"email": "ada@example.com"` gives Mallory's id, or `None`.


# %% answer="close_the_hole"
def close_the_hole(conn: psycopg.Connection, form: dict, clock) -> int | None:
    """The id of the customer who is in by this form; None if nobody is."""
    ### BEGIN SOLUTION
    # Each try is counted by the statement that asks whether there may be one, before its code is looked at, so tries
    # at the same moment cannot share a count. Locking the row first does as well, and lets right tries go uncounted.
    given = {name: form.get(name) for name in ("ticket", "code")}
    if not all(isinstance(value, str) for value in given.values()):
        return None
    its = {**given, "now": clock.now(), "oldest": clock.now() - timedelta(minutes=10)}
    tried = conn.execute(
        "UPDATE tickets SET guesses = guesses + 1 WHERE ticket = %(ticket)s "
        "AND guesses < 5 AND used_at IS NULL AND created_at > %(oldest)s RETURNING code, customer_id",
        its,
    ).fetchone()
    if tried is None or not hmac.compare_digest(tried[0].encode(), given["code"].encode()):
        return None
    conn.execute("UPDATE tickets SET used_at = %(now)s WHERE ticket = %(ticket)s", its)
    return tried[1]
    ### END SOLUTION


# %% check="close_the_hole"
