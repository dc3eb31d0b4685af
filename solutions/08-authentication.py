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
# ## 2. Whose word is it? (`verify_token`)
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
# ## 3. A token for a token (`refresh`)
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
