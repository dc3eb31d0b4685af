# %% [markdown]
# # Authentication
#
# *A request arrives and says that it is Ada's.
# What would it take for somebody else to send the same one?*
#
# After this lesson you can
#
# - store a password so that a stolen table is worth little, and say what that costs you at every login;
# - read a token, name the ways to forge one, and say which check stops which;
# - choose between a session, a token and a key, and end any of them at once;
# - follow the authorization code flow message by message, and say what state, nonce, PKCE and the rest are each there for;
# - find the hole in a recovery flow, and keep secrets out of the log that shows it.
#
# 75 minutes.
# Out of scope: what somebody who is logged in may do (lesson 09), passkeys and second factors (named where they belong), TLS (taken for granted).
#
# Everything below runs: against a PostgreSQL database of this lesson's own, your Redis server, applications served over HTTP, and an OpenID provider with real keys.
# The clock is one that we move.

# %%
# %load_ext grader
import hashlib
import hmac
import json
import secrets
import tempfile
from base64 import urlsafe_b64decode, urlsafe_b64encode

from grader import redis
from grader.instruments.clock import VirtualClock
from grader.instruments.oidc import OpenIdProvider, path_and_query
from grader.notebook.guards import draw_admissions, try_all
from grader.notebook.scratch import Scratch
from grader.notebook.site import Site
from grader.notebook.tables import Table
from grader.notebook.tokens import draw_hash, draw_token

clock = VirtualClock()
r = redis(decode_responses=True)
db = Scratch("lesson_authentication", """
    CREATE TABLE signing_keys (kid text PRIMARY KEY, key text NOT NULL);
    CREATE TABLE families (id int PRIMARY KEY, revoked boolean DEFAULT false);
    CREATE TABLE tokens (name text PRIMARY KEY, family int REFERENCES families, used boolean DEFAULT false);
    CREATE TABLE api_keys (prefix text PRIMARY KEY, hash text, scopes text[], revoked boolean DEFAULT false);
""")

# %% [markdown]
# ## What is stored
#
# Assume that the table of passwords gets out: by injection, in a backup, with a laptop.
# What you store decides what it is worth then.
#
# **Predict.** Six people's passwords were hashed with SHA-256, and the table is on sale.
# The thief has a list of eight popular passwords (in life: some billions of leaked ones).
# How many hashes must be computed to try the list on everybody, and how many if each row has a salt of its own?

# %%
PEOPLE = {
    "ada": "dragon", "bo": "letmein", "cy": "dragon",
    "dee": "moonlight-kettle-7", "eli": "sunshine", "fay": "Xq4-vT9#pLm2",
}  # fmt: skip
POPULAR = ["123456", "password", "qwerty", "dragon", "letmein", "sunshine", "iloveyou", "monkey"]


def sha256(salt, password):
    return hashlib.sha256((salt + password).encode()).hexdigest()


def crack(table):
    """How many hashes the thief computes, never one twice, and whose password that gives."""
    computed = {(salt, guess): sha256(salt, guess) for salt, _ in table.values() for guess in POPULAR}
    known = {(salt, digest) for (salt, _), digest in computed.items()}
    return len(computed), ", ".join(who for who, row in table.items() if row in known)


bare = {who: ("", sha256("", password)) for who, password in PEOPLE.items()}
salts = {who: secrets.token_hex(8) for who in PEOPLE}
salted = {who: (salts[who], sha256(salts[who], password)) for who, password in PEOPLE.items()}
for name, table in (("no salt", bare), ("salted", salted)):
    hashes, found = crack(table)
    print(f"{name:8} {hashes:2} hashes give {found}; Ada's row equals Cy's: {table['ada'] == table['cy']}")

# %% [markdown]
# A salt makes every row a problem of its own: nothing can be computed beforehand, and equal passwords no longer show.
# It does not make a single guess dearer, and the same four were found.
# SHA-256 was made to be fast, and hardware for it makes billions of guesses a second.
#
# **Fix it.** A password hash is slow on purpose, and *memory-hard*: each guess fills so much memory that even a graphics card has room for few.
# Today that is **Argon2id**; what is stored is a *PHC string*, which explains itself.

# %%
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

hasher = Argon2Hasher()
# The salt is a fixed text, so that you see the same picture; leave it out, and it is random, as the picture says.
draw_hash(hasher.hash("dragon", salt=b"lesson's own sal"), "What pwdlib stores for the password dragon")

# %% [markdown]
# **What it costs.** You pay at every login what the thief pays at every guess, so the setting is a bargain.
# The first row is the library's default (RFC 9106's second recommended option), the others are from OWASP's list.
# The lab accepts the first and the third: it asks for at least 19 MiB *and* 2 passes, so the second has too few passes, and the last too little memory.

# %%
CARD, BUSY = 24 * 1024, 50  # a graphics card's memory in MiB; logins at the same moment

settings = [(64, 3, 4), (46, 1, 1), (19, 2, 1), (7, 5, 1)]  # MiB, passes, lanes
rows = [(f"m={m * 1024}, t={t}, p={p}", m * t, CARD // m, m * BUSY) for m, t, p in settings]
columns = ("setting", "MiB written a guess", "guesses at once on 24 GiB", f"MiB for {BUSY} logins at once")
Table(columns, tuple(rows), len(rows))

# %% [markdown]
# A third of a gigabyte, or three gigabytes, for a busy login page is a real price, and a way to bring you down: that is one reason to throttle logins *before* hashing.
# Choose the largest setting your machines bear, measure it there, and raise it when they are replaced.
#
# Since the string carries its cost, old rows can stay, and be replaced when their owner next types the password: the only moment you have it.

# %%
weak = Argon2Hasher(memory_cost=8192, time_cost=1, parallelism=1).hash("dragon")
passwords = PasswordHash.recommended()
for typed, stored in (("dragon", weak), ("Dragon", weak), ("dragon", hasher.hash("dragon"))):
    valid, fresh = passwords.verify_and_update(typed, stored)
    becomes = fresh.rsplit("$", 2)[0] if fresh else "stays"
    print(f"{typed} against {stored.rsplit('$', 2)[0]:32} valid: {valid!s:5} the row {becomes}")

# %% [markdown]
# **In production.** Use `pwdlib` or `argon2-cffi`, or your framework's hasher with Argon2id chosen; never a scheme of your own.
# In bcrypt, which is acceptable where it is there already, everything after 72 bytes is ignored or refused, depending on the library.
# Ask for length (NIST: at least 15 characters where the password is all there is, 8 beside a second factor; the lab asks for no more than 8), refuse passwords that are known to have leaked, allow pasting, and demand neither special characters nor a new one every quarter.
# Text is bytes in more than one way: an é is one character when composed (NFC), an e and an accent when decomposed (NFD), and which of them arrives is up to the keyboard.
# Normalise before hashing, always to the same form.
#
# Sources: RFC 9106 (Argon2); OWASP, "Password Storage Cheat Sheet"; NIST SP 800-63B-4.

# %% [markdown]
# ## What a token says about itself
#
# After the login something must stand for it, or the password would travel with every request.
# A JSON Web Token is one possibility: claims, and a signature over them.
# The provider that runs in this notebook makes one for Ada: an *access token*, which a client shows to an API so that it is let in.

# %%
folder = tempfile.TemporaryDirectory()
idp = OpenIdProvider(folder.name, issuer="https://id.shop.example", clock=clock)
now = int(clock.time())
said = {
    "iss": idp.issuer, "aud": "shop-api", "sub": "ada", "client_id": "shop-web",
    "scope": "orders:read", "iat": now, "exp": now + 300, "jti": "t-1",
}  # fmt: skip
token = idp.mint(header={"typ": "at+jwt"}, **said)
draw_token(token, "An access token (RFC 9068)")

# %% [markdown]
# Everything to the left of the signature was written by whoever made the token, and that may be Mallory.
# The header is no exception, although it looks like an instruction to you.
#
# A dozen lines are enough to read and write tokens by hand.

# %%
def b64(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read(token):
    return tuple(json.loads(unb64(part)) for part in token.split(".")[:2])


def write(header, claims, sign=lambda data: b""):
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def hs256(secret):
    return lambda data: hmac.digest(secret, data, "sha256")

# %% [markdown]
# Three verifiers follow, as they have been written many times.
# The first decodes; the second does what `alg` says; the third gets its key from where the header says: brought along (`jwk`), behind an address (`jku`), or from the table by its name (`kid`).

# %%
from joserfc import jwk, jwt

PUBLIC = idp.keys[0].as_pem(private=False)  # anybody may have it
web = {}  # what a GET of an address returns


def only_decodes(token):
    return read(token)[1]

def obeys_alg(token):
    header, claims = read(token)
    text, _, signature = token.rpartition(".")
    if header["alg"] == "HS256":
        return hmac.compare_digest(hs256(PUBLIC)(text.encode()), unb64(signature)) and claims
    return claims if header["alg"] == "none" else jwt.decode(token, idp.keys[0], algorithms=["RS256"]).claims

def obeys_key_hints(token):
    header, _ = read(token)
    if hint := header.get("jwk") or web.get(header.get("jku")):
        key = jwk.import_key(hint)
    else:
        with db.connect() as conn:
            found = conn.execute(f"SELECT key FROM signing_keys WHERE kid = '{header['kid']}'").fetchone()
        key = jwk.import_key(found[0], "RSA" if found[0].startswith("-----") else "oct")
    return jwt.decode(token, key, algorithms=["RS256", "ES256", "HS256"]).claims


# %% [markdown]
# The fourth leaves the signature to a library, with the one key and the one algorithm *we* expect.
# The fifth also asks whether the claims are for us, and for now; an `nbf`, an `iat` in the future and a `crit` it leaves to the library, which refuses them.
# It is a sketch still: `typ` in capitals, a minute for clocks that differ, a `sub` and the choice among several keys are left to the lab.

# %%
def checks_signature(token):
    return jwt.decode(token, idp.keys[0], algorithms=["RS256"]).claims


def checks_claims(token):
    found = jwt.decode(token, idp.keys[0], algorithms=["RS256"])
    demands = jwt.JWTClaimsRegistry(
        now=int(clock.time()),
        iss={"essential": True, "value": idp.issuer},
        aud={"essential": True, "value": "shop-api"},
        exp={"essential": True},
    )
    demands.validate(found.claims)
    return found.header.get("typ") == "at+jwt" and found.claims


with db.connect() as conn:
    conn.execute("INSERT INTO signing_keys VALUES (%s, %s)", [idp.keys[0].kid, PUBLIC.decode()])
assert all(v(token) for v in (only_decodes, obeys_alg, obeys_key_hints, checks_signature, checks_claims))

# %% [markdown]
# Now Mallory: first without any key of the provider's.

# %%
header, _ = read(token)
admin = {**said, "sub": "admin"}
mallory = jwk.ECKey.generate_key("P-256")
web["https://evil.example/key"] = mallory.as_dict(private=False)
sql = "x' UNION SELECT 'a key that Mallory has chosen' --"


def signed(**hints):
    return jwt.encode({**header, "alg": "ES256", **hints}, admin, mallory)


head, _, signature = token.split(".")
forged = {
    "payload changed": f"{head}.{b64(json.dumps(admin).encode())}.{signature}",
    "signed by Mallory": signed(),
    "alg: none": write({**header, "alg": "none"}, admin),
    "HS256 with the public key": write({**header, "alg": "HS256"}, admin, hs256(PUBLIC)),
    "brings its key (jwk)": signed(jwk=web["https://evil.example/key"]),
    "points to its key (jku)": signed(jku="https://evil.example/key"),
    "kid is SQL": write({"alg": "HS256", "kid": sql}, admin, hs256(b"a key that Mallory has chosen")),
}

# %% [markdown]
# Then five that the provider really signed, for another purpose or another time.
# One of them is an *ID token*: it tells an application who has logged in, and is meant for no API.
#
# **Predict.** A verifier with a perfect check of the signature meets these twelve.
# How many does it let in?

# %%
def genuine(typ="at+jwt", without="", **changes):
    claims = {k: v for k, v in {**said, **changes}.items() if k != without}
    return idp.mint(header={"typ": typ}, **claims)


misused = {
    "ran out yesterday": genuine(iat=now - 86_700, exp=now - 86_400),
    "never runs out": genuine(without="exp"),
    "meant for the billing API": genuine(aud="billing-api"),
    "of another tenant": genuine(iss=f"{idp.issuer}/tenants/evil"),
    "an ID token": genuine(typ="JWT", nonce="n-1"),
}
verifiers = {
    "only decodes": only_decodes, "obeys alg": obeys_alg, "obeys key hints": obeys_key_hints,
    "checks the signature": checks_signature, "checks claims too": checks_claims,
}  # fmt: skip
tried = try_all({"Ada's own token": token, **forged, **misused}, verifiers)
draw_admissions(tried, {"Ada's own token"}, "Every token shown to every verifier, just now.")

# %% [markdown]
# Read it by rows.
#
# - **alg: none** is a legal algorithm, and means that nobody has signed.
# - **Key confusion**: HS256 is a *shared secret*, RS256 a *pair*. Who lets the token choose takes the public key for the secret, and everybody has the public key.
# - **jwk, jku, kid**: a key from the token proves that its maker has a key. `kid` is text from a stranger; here it reached SQL, elsewhere a file path. It may choose among keys you hold, and do nothing else.
# - **crit**, not shown, lists what a reader must understand; you know none of it, so such a token is refused.
# - **The last five** are signed perfectly. A signature says who wrote it; whether it was written for you, as what, and whether it still holds, is asked by nobody but you.
#
# So: your configuration says which algorithm goes with which key, what the key is for and that an RSA key has at least 2048 bits; the header is compared with that.
# Then `iss`, `aud`, `exp` and `typ` are *demanded*; many libraries look at a claim only if it is there.
#
# One more is out of every verifier's hands.
# With HS256 a token is a piece of text to test guesses of the secret on, offline, as often as one likes.

# %%
chosen_by_a_person = b"shop-secret"
stolen = write({"alg": "HS256", "typ": "JWT"}, said, hs256(chosen_by_a_person))
text, _, signature = stolen.rpartition(".")
words = ["secret", "password", "token", "key", "jwt-secret", "shop", "shop-key", "shop-secret", "shop123"]
guesses = [w for w in words if hs256(w.encode())(text.encode()) == unb64(signature)]
print("found:", *guesses, "after", words.index(guesses[0]) + 1, "guesses")

# %% [markdown]
# A secret for HS256 is at least 32 random bytes (RFC 7518, 3.2), and whoever can verify with it can also sign.
# With RS256, ES256 or Ed25519 (the name that RFC 9864 puts in the place of `EdDSA`) the API holds nothing worth stealing.
#
# **In production.** Use `joserfc`, `PyJWT` or `authlib`, always with an explicit list of algorithms, and keys whose type the library knows.
# Fetch the issuer's key set from its configured address, cache it, and fetch it again (not too often) when an unknown `kid` shows up: keys are rotated.
# Clocks differ; a minute of leeway is plenty.
# A bearer token is as good as money: it travels in the `Authorization` header, never in a URL.
# And it is readable: nothing goes into it that its bearer, a log or a browser's storage may not see.
#
# Sources: RFC 7519 (JWT), RFC 8725 (best current practices), RFC 9068 (access tokens), RFC 7515, 4.1 (header parameters), RFC 6750, 5.3 (bearer tokens); Tim McLean, "Critical vulnerabilities in JSON Web Token libraries" (2015).

# %% [markdown]
# ## Refresh tokens
#
# A signed token is good until it runs out, whatever happens meanwhile, so it should run out in minutes.
# A *refresh token* fetches the next one: it is a row in a table, can be revoked, and goes to nobody but the login service.
#
# It lives for weeks, so it will be copied sometimes.
# **Rotation** makes that visible: each one works once and is exchanged for its successor.
# All that came of one login are a *family*; when a used one shows up again, two parties have it, and the family ends.

# %%
class Refused(Exception):
    pass


def refresh(conn, token, successor):
    query = "SELECT used, family, revoked FROM tokens JOIN families ON id = family WHERE name = %s"
    used, family, revoked = conn.execute(query, [token]).fetchone()
    if used or revoked:
        conn.execute("UPDATE families SET revoked = true WHERE id = %s", [family])
        conn.commit()
        raise Refused
    conn.execute("UPDATE tokens SET used = true WHERE name = %s", [token])
    conn.execute("INSERT INTO tokens VALUES (%s, %s)", [successor, family])
    conn.commit()
    return successor

# %% [markdown]
# In life the column holds the token's hash and the successor is 32 random bytes; here they have names, so that you can read what happens.
#
# **Predict.** Ada's phone has `r1` and exchanges it.
# A thief copies the phone's `r2` out of a backup, and uses it before the phone does.
# What does the phone notice, and what becomes of the thief?

# %%
from grader.notebook.picture import Picture
from grader.show.sequence import sequence_svg, sequence_text

with db.connect() as conn:
    conn.execute("INSERT INTO families VALUES (1); INSERT INTO tokens VALUES ('r1', 1)")


def play(*calls):
    """Makes the calls one after the other; what was asked and answered, as a picture."""
    steps = []
    for who, token, successor in calls:
        with db.connect(autocommit=False) as conn:
            try:
                answer, state = refresh(conn, token, successor), "ok"
            except Refused:
                answer, state = "refused: the family is revoked", "error"
        steps.append({"lane": who, "to": "login service", "text": f"refresh({token})"})
        steps.append({"lane": "login service", "to": who, "text": answer, "state": state})
    data = {"lanes": ["phone", "login service", "thief"], "steps": steps}
    return Picture(sequence_svg(data), sequence_text(data))


play(("phone", "r1", "r2"), ("thief", "r2", "r3"), ("phone", "r2", "r3b"), ("thief", "r3", "r4"))

# %% [markdown]
# Whoever comes second gives both away.
# The service cannot tell which of the two is Ada, so both must log in again, and the thief cannot.
#
# **Break it.** The thief and the phone can also come at the *same moment*.
# Here is every order in which the server can get the statements of two calls; where one must wait for the other's row, no other order is possible, so they are fewer than one could write down.
# The schedule below the picture says whose turn it was, 1 the phone's and 2 the thief's; a `BEGIN` goes out with the statement after it, so ten steps are eight turns.

# %%
from grader.notebook.every_order import every_order, steps

with db.connect() as conn:
    conn.execute("DELETE FROM tokens; UPDATE families SET revoked = false")
    conn.execute("INSERT INTO tokens VALUES ('r1', 1)")

LIVE = "SELECT count(*) FROM tokens JOIN families ON id = family WHERE NOT used AND NOT revoked"


def two_heirs(rows, run):
    return f"{rows[0][0]} tokens of one family are good at once" if rows[0][0] > 1 else ""


watched = {"tables": ["tokens", "families"], "look": LIVE, "wrong": two_heirs}
found = every_order(db, [(refresh, "r1", "r2-phone"), (refresh, "r1", "r2-thief")], **watched)
print(f"{len(found.runs)} orders, two good tokens at once in {len(found.failures)} of them")
steps(found.counterexample, names=["phone", "thief"])

# %% [markdown]
# Both calls asked whether `r1` was used, both heard no, and from here on the thief has a line of tokens that never meets the phone's: nothing is ever noticed.
# Asking and marking must be one step.

# %%
def take_it(conn, token, successor):
    taken = "UPDATE tokens SET used = true WHERE name = %s AND NOT used RETURNING family"
    row = conn.execute(taken, [token]).fetchone()
    if row is None:
        family = conn.execute("SELECT family FROM tokens WHERE name = %s", [token]).fetchone()
        conn.execute("UPDATE families SET revoked = true WHERE id = %s", family)
        conn.commit()
        raise Refused
    conn.execute("INSERT INTO tokens VALUES (%s, %s)", [successor, row[0]])
    conn.commit()
    return successor


calls = [(take_it, "r1", "r2-phone"), (take_it, "r1", "r2-thief")]
taking = every_order(db, calls, **watched)
rows = []
for name, one in (("asks, then marks", found), ("takes it in one step", taking)):
    winners = [run.endings.count("returned") for run in one.runs]
    rows.append((name, len(winners), winners.count(2), winners.count(1)))
Table(("", "orders", "both get a successor", "one does, the other is refused"), tuple(rows), len(rows))

# %% [markdown]
# One UPDATE waits for the other, and then sees what it did.
# The sketch leaves out expiry, unknown tokens and revoked families: the lab asks for them.
# Mind the order at the end: the revocation is committed, *then* the error is raised; the other way round a rollback takes it back.
#
# **What it costs.** An honest client that sends one request twice (two tabs, a lost reply) is logged out.
# Some services forgive a repetition within seconds, and with it a thief who is quick; better let one place in the client do the refreshing.
#
# Sources: RFC 6749, 1.5 and 10.4; RFC 9700, 4.14 (refresh token protection).

# %% [markdown]
# ## Logging in, and failing to
#
# A login that fails should teach nothing, and should not be tried a thousand times.
#
# **Predict.** This one answers in plain words.
# What can be learned from it without any password, and would one common message hide it?

# %%
class Counting:
    """A hasher that counts: time is what it costs, and time can be measured from outside."""

    def __init__(self):
        self.hashes = 0

    def verify(self, typed, stored):
        self.hashes += 1
        return hasher.verify(typed, stored)


ACCOUNTS = {"ada@example.com": hasher.hash("moonlight-kettle-7")}
NOBODY = hasher.hash(secrets.token_hex())  # made once, of the same cost


def helpful(counting, email, typed):
    if email not in ACCOUNTS:
        return "no such account"
    return "welcome" if counting.verify(typed, ACCOUNTS[email]) else "wrong password"


def discreet(counting, email, typed):
    matches = counting.verify(typed, ACCOUNTS.get(email, NOBODY))
    return "welcome" if matches and email in ACCOUNTS else "wrong address or password"

# %%
rows = []
for login in (helpful, discreet):
    for email, typed in (("ada@example.com", "dragon"), ("zoe@example.com", "dragon")):
        counting = Counting()
        answer = login(counting, email, typed)
        rows.append((login.__name__, email, answer, counting.hashes))
Table(("login", "address", "answer", "Argon2 computed"), tuple(rows), len(rows))

# %% [markdown]
# The words are the smaller part: an unknown address is answered without the hash, which is the slowest thing in the request.
# Whoever has a stopwatch knows who your customers are.
# Registration ("this address is taken") and recovery leak the same unless they answer alike and finish by mail.
#
# ### Throttling
#
# Count failures per account, or per address?
# Both, and neither is enough; here are four attacks of a thousand attempts each, against counters in Redis.
#
# **Predict.** Which of the four is stopped by neither counter?

# %%
def attempt(keys, limits):
    """Counts an attempt in Redis; whether it may go on to the password."""
    counted = r.pipeline()
    for key in keys:
        counted.incr(f"lesson08:{key}")
        counted.expire(f"lesson08:{key}", 900, nx=True)  # only the first one starts the window
    seen = counted.execute()[::2]
    return all(count <= limits[key.partition(":")[0]] for key, count in zip(keys, seen, strict=True))


def forget():
    for key in r.scan_iter("lesson08:*"):
        r.delete(key)


N = range(1000)
attacks = {
    "one address guesses Ada's password": [("ada", "198.51.100.7") for n in N],
    "one address tries everybody once": [(f"customer-{n}", "198.51.100.7") for n in N],
    "a botnet guesses Ada's password": [("ada", f"2001:db8::{n:x}") for n in N],
    "a botnet tries everybody once": [(f"customer-{n}", f"2001:db8::{n:x}") for n in N],
}

# %%
from grader.show import plots

RULES = {
    "per account": {"account": 10}, "per address": {"address": 50},
    "both": {"account": 10, "address": 50},
}  # fmt: skip
passed = {}
for rule, limits in RULES.items():
    for attack, attempts in attacks.items():
        forget()
        keyed = [[f"account:{a}", f"address:{b}"] for a, b in attempts]
        chosen = [[k for k in keys if k.partition(":")[0] in limits] for keys in keyed]
        passed[rule, attack] = sum(attempt(keys, limits) for keys in chosen)
forget()
figure, axes = plots.figure(height=3.6)
for number, (rule, ink) in enumerate(zip(RULES, plots.INKS, strict=False)):
    places = [n + 0.27 * (number - 1) for n in range(len(attacks))]
    bars = axes.barh(places, [passed[rule, a] for a in attacks], 0.24, color=ink, label=rule)
    axes.bar_label(bars, padding=3, fontsize=9)
axes.set(yticks=range(len(attacks)), yticklabels=list(attacks), xlabel="of 1,000 attempts reach the password")
axes.invert_yaxis()
axes.legend(title="counted", loc="upper left", bbox_to_anchor=(1.02, 1))
plots.plot(figure, "\n".join(f"{a}, counted {c}: {passed[c, a]} of 1,000" for c, a in passed))

# %% [markdown]
# The last row is *credential stuffing*: passwords leaked elsewhere, each tried once.
# No counter of this kind sees it; leaked passwords refused when they are chosen, a second factor, passkeys, and an alarm on the share of failures do.
#
# The third row has a price: nobody gets at Ada's account any more, Ada included.
# So slow down instead of locking, let the window end by itself, and let devices that have logged in before through another counter.
#
# **Predict.** A successful login clears the counters, so that nobody suffers from yesterday's typing errors.
# What does Mallory do, who has an account of his own?

# %%
def with_own_logins(cleared):
    """One address tries everybody once; every 40 guesses Mallory logs in as himself."""
    reached = 0
    for n in N:
        reached += attempt([f"account:customer-{n}", "address:198.51.100.7"], RULES["both"])
        if n % 40 == 39 and attempt(["account:mallory", "address:198.51.100.7"], RULES["both"]):
            r.delete(*(f"lesson08:{key}" for key in cleared))
    forget()
    return reached


both = ["account:mallory", "address:198.51.100.7"]
print("a success clears both counters:  ", with_own_logins(cleared=both), "guesses get through")
print("a success clears the account's:  ", with_own_logins(cleared=both[:1]), "guesses get through")

# %% [markdown]
# A success proves something about the account, and nothing about the address: it may clear the first counter, never the second.
# But it is no failure either: what was counted for the address while it was under way is given back, and the window of the address begins with its first failure, not with a login that succeeded.
#
# **Break it.** And count so that two at once are two.

# %%
r.set("lesson08:failures", 0)
mine, yours = int(r.get("lesson08:failures")), int(r.get("lesson08:failures"))
r.set("lesson08:failures", mine + 1)
r.set("lesson08:failures", yours + 1)
print("read, add, write, by two at once:", r.get("lesson08:failures"))
r.set("lesson08:failures", 0)
r.incr("lesson08:failures"), r.incr("lesson08:failures")
print("INCR, by two at once:            ", r.get("lesson08:failures"))
forget()

# %% [markdown]
# It is the lost update of lesson 04: fifty guesses sent at the same moment can count as one.
#
# **In production.** One message, one amount of work, for every failure.
# Reserve before hashing, so that a hundred at once cannot all be compared: `INCR` with an expiry, both in one pipeline, so that no counter lives for ever (the package `limits` has such counters ready).
# Give back afterwards what was no failure: a success, and an attempt that was refused without being compared.
# Else whoever logs in often, or knocks on while the door is shut, is counted as an attacker, and the lab does not let that pass.
# Offer passkeys (WebAuthn): the server stores a public key, so there is nothing to guess, to steal or to type into the wrong site.
# Behind a proxy, know which address is the client's: `X-Forwarded-For` is text from a stranger but for what your own proxy put there.
#
# Sources: OWASP, "Authentication Cheat Sheet" and "Credential Stuffing Prevention Cheat Sheet"; NIST SP 800-63B-4 on throttling.

# %% [markdown]
# ## Sessions and cookies
#
# The other thing that can stand for a login is a *session*: a random number in a cookie, and what it means in your store.
#
# **Predict.** This shop gives everybody a session, so that a basket works before the login, and goes on using it afterwards.
# How does Mallory get into Ada's account without ever learning her password or her cookie?

# %%
from fastapi import FastAPI, Request, Response


def shop(new_id_at_login, cookie="session"):
    app, sessions = FastAPI(), {}

    @app.post("/login")
    def login(request: Request, response: Response, name: str):
        known = request.cookies.get(cookie)
        session = secrets.token_urlsafe(32) if new_id_at_login or not known else known
        sessions.pop(known, None)
        sessions[session] = name
        response.set_cookie(cookie, session, secure=True, httponly=True, samesite="lax")

    @app.get("/me")
    def me(request: Request):
        return sessions.get(request.cookies.get(cookie), "nobody")

    return app

# %%
def fixation(app):
    """Mallory chooses the session, Ada logs in with it."""
    with Site(app) as site:
        mallory, ada = site.browser(), site.browser()
        mallory.cookies["session"] = ada.cookies["session"] = "chosen-by-mallory"
        ada.post("/login?name=ada")
        return ada.get("/me").json(), mallory.get("/me").json()


print("keeps the session:   Ada is {}, Mallory is {}".format(*fixation(shop(new_id_at_login=False))))
print("new id at the login: Ada is {}, Mallory is {}".format(*fixation(shop(new_id_at_login=True))))

# %% [markdown]
# Planting a cookie takes a subdomain, or a page with a script hole; *session fixation* needs no theft.
# What is known before the login is worth nothing after it: a new id, always.
#
# The cookie's own words matter as much.

# %%
with Site(shop(new_id_at_login=True, cookie="__Host-session")) as site:
    (sent,) = site.browser().post("/login?name=ada").cookies
value = sent.split(";")[0].partition("=")[2]
print(sent.replace(value, f"<{len(value)} characters>").replace("; ", "\n  "))

# %% [markdown]
# | | keeps out |
# |---|---|
# | 43 characters from `secrets` | guessing: 32 bytes, 256 bits |
# | `HttpOnly` | scripts that read it (they can still use it: a script hole stays a hole) |
# | `Secure` | the network, where a page is asked for without TLS |
# | `SameSite=lax` | other sites' forms and images: most cross-site request forgery, if no GET changes anything |
# | `__Host-` with `Path=/` and no `Domain` | cookies planted by a subdomain |
#
# ### Session or token
#
# Ada logs in at minute 0, both ways, and logs out at minute 2.
#
# **Predict.** Which requests after that are still answered?

# %%
store = {"s-ada": "ada"}
bearer = genuine(sub="ada", exp=int(clock.time()) + 300)
tried = {}
for minute in range(7):
    if minute == 2:
        store.pop("s-ada")  # the log-out: the session is deleted, the token thrown away by the browser
    ways = {"session": lambda _: store.get("s-ada"), "token, copied before": checks_claims}
    when = f"minute {minute}" + (", after the log-out" if minute >= 2 else "")
    tried |= try_all({when: bearer}, ways)
    clock.advance(60)
draw_admissions(tried, {"minute 0", "minute 1"})

# %% [markdown]
# A session is asked about at every request, so it ends when you say.
# About a token nobody is asked, which is its whole point: a hundred services can verify it without a look-up, and none of them hears of the log-out.
# It ends when it runs out, or when every service looks up a list of revoked ones, and then it is a session with more steps.
#
# | | session | token (JWT) |
# |---|---|---|
# | ends at once | yes | no: minutes, plus refresh |
# | a look-up per request | yes | no |
# | fits | your own web application | APIs of several services, other companies' clients |
#
# **In production.** Sessions expire twice.
# The *idle* end comes so long after the last request, and every request puts it off: it shuts the session that was left open in a library.
# The *absolute* end comes so long after the login, however busy the session is: it shuts out the thief who keeps a copy alive.
#
# Putting off is a write, and a log-out may come in between: a page has read the session, the log-out deletes it, and the page writes it back, alive again.
# So let the write change only what is still there (`UPDATE ... WHERE`, and look at the count; in Redis `EXPIRE` or `SET` with `XX`), never make it anew.
# To log out *everywhere*, find all sessions of an account: a column to delete by, or in Redis a set of ids for each account.
# A login at the same moment may stay, since it is newer; nothing that was there before may.
#
# Store the hash of the id, so that a stolen store opens nothing.
# Starlette's `SessionMiddleware` and Flask's usual session keep the *content* in a signed cookie: nobody can end such a session at once either.
# A changed password ends the other sessions.
# Tokens do not belong into `localStorage`, where every script of the page reads them.
#
# Sources: OWASP, "Session Management Cheat Sheet"; RFC 6265 and the drafts of its revision (SameSite, prefixes).

# %% [markdown]
# ## API keys
#
# Programs have no password to type.
# They get a key: long, random, shown once.

# %%
def issue(conn, *scopes):
    """A new key: what the customer sees, once. We keep a prefix to find it by, and a hash."""
    prefix, secret = f"shop_{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    conn.execute("INSERT INTO api_keys VALUES (%s, %s, %s)", [prefix, digest, list(scopes)])
    return f"{prefix}.{secret}"


def may(key, scope="orders:read"):
    prefix, _, secret = key.partition(".")
    query = "SELECT hash, scopes, revoked FROM api_keys WHERE prefix = %s"
    with db.connect() as conn:
        stored, scopes, revoked = conn.execute(query, [prefix]).fetchone() or ("", [], True)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return hmac.compare_digest(stored, digest) and not revoked and scope in scopes

# %%
with db.connect() as conn:
    old, new = issue(conn, "orders:read"), issue(conn, "orders:read")
    reports = issue(conn, "reports:read")
shown = {"the new key": new, "the old key": old, "half a key": new[:-20], "a key for reports": reports}
tried = {"while both are good": {name: may(key) for name, key in shown.items()}}
with db.connect() as conn:
    conn.execute("UPDATE api_keys SET revoked = true WHERE prefix = %s", [old.partition(".")[0]])
tried["the old one revoked"] = {name: may(key) for name, key in shown.items()}
for name in shown:
    print(f"{name:18}", *(f"{when}: {'yes' if seen[name] else 'no':6}" for when, seen in tried.items()))

# %% [markdown]
# Two keys that are good at the same time make a rotation without an outage; the old one is revoked when nobody uses it any more, so note when each was used last.
#
# **Predict.** A fast hash was a mistake for passwords.
# Why is it right here?

# %%
guesses = 10**12 * 60 * 60 * 24 * 365  # a year of a million million guesses a second
print(f"a list of ten billion leaked passwords: tried {guesses // 10**10:,} times over in that year")
print(f"a key of 32 random bytes: a share of 1 in 10^{len(str(2**256 // guesses)) - 1} of all keys tried")

# %% [markdown]
# A slow hash protects what people can think of.
# Nobody guesses a random key, so there is nothing to slow down, and an API checks it at every request.
#
# **In production.** A prefix of your own lets scanners find keys in public code, and lets you find the row.
# Compare digests with `hmac.compare_digest`; give scopes and an end; keys go in a header, never in the URL.
#
# Source: OWASP, "REST Security Cheat Sheet" and "Secrets Management Cheat Sheet".

# %% [markdown]
# ## OAuth 2.0 and OpenID Connect
#
# The shop would rather not have passwords at all, and let a provider log people in.
# OAuth 2.0 is how a person lets an application act for them at somebody else's API; OpenID Connect puts an **ID token** on top, which tells the application who the person is.
# The *authorization code flow* is the one to use, in the browser, on the phone and on the server alike.
#
# Here is the shop's side of it, with each check to be switched on by its name.
# One of them is *PKCE*: the shop sends the hash of a secret ahead and shows the secret when it redeems the code, so that nobody else can redeem it.

# %%
from urllib.parse import urlencode

from grader.instruments.standin import client

CALLBACK = "https://shop.example/callback"
registered = idp.register("shop", redirect_uris=(CALLBACK,))
behind = client(idp.socket("shop"))  # the back channel: from our server to the provider
idp.require_pkce = False  # so that we can see what it is for


def begin(checks):
    """What the shop keeps for this browser, and the address it sends it to."""
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    asked = {"response_type": "code", "client_id": "shop", "scope": "openid email"}
    asked |= {"redirect_uri": CALLBACK, "state": kept["state"]}
    if "nonce" in checks:
        asked["nonce"] = kept["nonce"]
    if "PKCE" in checks:
        digest = hashlib.sha256(kept["verifier"].encode()).digest()
        asked |= {"code_challenge": b64(digest), "code_challenge_method": "S256"}
    return kept, f"{idp.issuer}/authorize?{urlencode(asked)}"

# %%
def must_equal(ours, theirs):
    if not hmac.compare_digest(ours, theirs or ""):
        raise Refused


def finish(kept, back, checks):
    """Who has logged in. back: what the browser brought from the provider."""
    if "state" in checks:
        must_equal(kept["state"], back.get("state"))
    if "iss" in checks:
        must_equal(idp.issuer, back.get("iss"))
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": CALLBACK}
    if "PKCE" in checks:
        form["code_verifier"] = kept["verifier"]
    reply = behind.post("/token", data=form, auth=("shop", registered.secret))
    id_token = reply.raise_for_status().json()["id_token"]
    claims = verified(id_token) if "ID token" in checks else read(id_token)[1]
    if "nonce" in checks:
        must_equal(kept["nonce"], claims.get("nonce"))
    return claims["sub"]

# %%
def verified(id_token):
    keys = jwk.KeySet.import_key_set(behind.get("/jwks").json())
    claims = jwt.decode(id_token, keys, algorithms=["RS256"]).claims
    wanted = {"iss": idp.issuer, "aud": "shop"}
    demands = {name: {"essential": True, "value": value} for name, value in wanted.items()}
    jwt.JWTClaimsRegistry(now=int(clock.time()), exp={"essential": True}, **demands).validate(claims)
    return claims

# %%
from fastapi.responses import RedirectResponse


def oauth_shop(checks):
    app, browsers = FastAPI(), {}

    @app.get("/login")
    def login():
        ticket = secrets.token_urlsafe(32)
        browsers[ticket], there = begin(checks)
        reply = RedirectResponse(there, 302)
        reply.set_cookie("__Host-login", ticket, secure=True, httponly=True, samesite="lax")
        return reply

    @app.get("/callback")
    def callback(request: Request, response: Response):
        kept = browsers.pop(request.cookies.get("__Host-login"), {})
        try:
            return {"logged in": finish(kept, request.query_params, checks)}
        except Exception:
            response.status_code = 401
            return {"error": "the login failed, please begin again"}

    return app

# %% [markdown]
# Alice logs in.
# The messages are those that were really sent, shortened (`response_type`, `code_challenge_method` and the `redirect_uri` of `POST /token`, for instance, are left out); random values are shown as letters, the same letter for the same value.
# Step through it, or read it whole where nothing moves.

# %%
from grader.notebook.sign_in import sequence_steps, watch_login

ALL = ("state", "PKCE", "nonce", "iss", "ID token")
with Site(oauth_shop(ALL)) as site:
    seen = watch_login(site.browser(), idp)
sequence_steps(seen)

# %% [markdown]
# The left side goes through the browser, where histories, logs, extensions and other applications may see it; the right side does not.
# That is why the browser carries only a *code*, good once, for a minute, and for this client.
#
# - **S, state**: this answer belongs to a login that *this browser* began.
# - **V and H, PKCE**: this code belongs to the one who *asked* for it. H went ahead in the open; only who has V can redeem the code.
# - **N, nonce**: this *ID token* belongs to this login.
# - **iss** (RFC 9207): the answer comes from the provider that this browser was sent to.
# - **The ID token's own checks**: signature, `iss`, `aud`, `exp`, as above.
#
# **Predict.** Six attacks, and one check at a time: which check stops which?

# %%
def code_of(address):
    return address.partition("code=")[2].partition("&")[0]


def begun(site, browser, user):
    """The address that `user`'s browser is sent back to, after a login begun in `browser`."""
    return path_and_query(idp.consent(browser.get("/login").headers["location"], user=user))


def who(reply):
    return (reply.json() or {}).get("logged in")


# %%
def alice_logs_in(site):
    browser = site.browser()
    return who(browser.get(begun(site, browser, "alice"))) == "alice"


def mallorys_code_in_her_browser(site):
    sent_to_alice = begun(site, site.browser(), "mallory")
    hers = site.browser()
    hers.get("/login")
    return who(hers.get(sent_to_alice)) == "mallory"


def her_code_in_mallorys_browser(site):
    stolen = code_of(begun(site, site.browser(), "alice"))
    his = site.browser()
    own = begun(site, his, "mallory")
    return who(his.get(own.replace(code_of(own), stolen))) == "alice"

# %%
def her_code_in_mallorys_program(site):
    """The client's secret was in an app that everybody can download."""
    code = code_of(begun(site, site.browser(), "alice"))
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return behind.post("/token", data=form, auth=("shop", registered.secret)).status_code == 200


def while_it_sends(what):
    """Alice logs in while something other than the provider's own answer arrives."""
    def attack(site):
        idp.misbehave(what)
        try:
            return alice_logs_in(site)
        finally:
            idp.behave()
    return attack

# %%
attacks = {
    "Alice logs in": alice_logs_in,
    "Mallory's code in Alice's browser": mallorys_code_in_her_browser,
    "Alice's code in Mallory's browser": her_code_in_mallorys_browser,
    "Alice's code in Mallory's own program": her_code_in_mallorys_program,
    "an answer of another provider": while_it_sends("mix-up issuer"),
    "an ID token for another application": while_it_sends("wrong audience"),
    "an ID token without a signature": while_it_sends("no signature"),
}

# %%
shops = {"nothing": (), **{f"only {check}": (check,) for check in ALL}, "all five": ALL}
sites = {name: Site(oauth_shop(checks)) for name, checks in shops.items()}
guards = {name: lambda attack, site=site: attack(site) for name, site in sites.items()}
tried = try_all(attacks, guards)
for site in sites.values():
    site.close()
draw_admissions(tried, {"Alice logs in"}, "Each attack carried out on each shop, with the checks above its column.")

# %% [markdown]
# The second row looks harmless, but whatever Alice does now happens in *Mallory's* account: the card she adds, the address, the search.
# The third and fourth are stolen codes, and `state` is of no use there: Mallory brings his own, or asks nobody.
# PKCE stops all three, which is why RFC 9700 demands it of applications that cannot keep a secret and recommends it to all others.
# `iss` matters as soon as people can choose among several providers: then one of them may be the attacker.
#
# Exact redirect addresses are the provider's part: what is not registered, letter by letter, is refused without a redirect.

# %%
for address in (CALLBACK, CALLBACK + "/", CALLBACK + "?next=x", "https://shop.example.evil.example/callback"):
    asked = {"response_type": "code", "client_id": "shop", "scope": "openid", "redirect_uri": address}
    print(behind.get("/authorize", params=asked).status_code, address)

# %% [markdown]
# **In production.** Use `authlib` or your framework's OpenID Connect client, and a provider's *discovery document* (JSON at `/.well-known/openid-configuration` below the issuer, which says where its endpoints and keys are); then check in review that state, nonce and PKCE are on.
# Of the flows in old tutorials, RFC 9700 advises against the *implicit* grant and forbids the *password* grant.
# An access token is for the API and says nothing to the client; an ID token is for the client and opens no API.
# People are recognised by `iss` and `sub`; an e-mail address can change hands, and counts only if the provider says `email_verified` and is one you believe about it.
#
# Sources: RFC 6749; RFC 7636 (PKCE); RFC 9207 (`iss`); RFC 9700 (security best current practice); OpenID Connect Core 1.0.

# %% [markdown]
# ## Recovery
#
# "Forgot your password?" is a second way in, and it must not be the easier one.
#
# **Predict.** The link in the mail must say where the shop is.
# This one builds it from the request.
# Who reads the mail, and who gets the token?

# %%
def recovering(address_of):
    app, app.state.mail = FastAPI(), []

    @app.post("/forgot")
    def forgot(request: Request, email: str):
        token = secrets.token_urlsafe(32)
        app.state.mail.append((email, f"{address_of(request)}/reset#{token}"))
        return "If we know this address, a mail is on its way."

    return app


# %%
def from_the_request(request):
    return f"https://{request.headers['host']}"


def from_the_settings(request):
    return "https://shop.example"


for address_of in (from_the_request, from_the_settings):
    app = recovering(address_of)
    with Site(app) as site:
        site.browser().post("/forgot?email=ada@example.com", headers={"host": "shop.evil.example"})
    ((reader, link),) = app.state.mail
    print(f"{address_of.__name__:18} mail to {reader}: {link.partition('#')[0]}")

# %% [markdown]
# Mallory asked, with a `Host` header of his own; Ada gets a genuine mail from the shop, and her click brings the token to Mallory.
#
# There are two places for the token in the link.
#
# - Behind a `#`, as here, the browser sends it to nobody, so it stands in no access log and no `Referer`; a script of the page must read it and send it on. (A script on Mallory's page reads it just as well.)
# - As `?token=` it needs no script, but every server on the way sees it: the page is served with `Referrer-Policy: no-referrer`, the access log leaves the query out, and what the page repeats of it is escaped.
#
# The lab takes the second.
#
# What else a recovery has to hold:
#
# - the answer and the work are the same whether the address is known or not (send the mail later, from a queue);
# - the token is random, stored as a hash, good **once** and for minutes; two at the same moment are one, as with refresh tokens;
# - a new password ends every session and refresh token, and the owner gets a mail about it, without a link;
# - it does not log in, and it does not get around the second factor;
# - asking is throttled, per account and per address.
#
# "Security questions" are passwords that others know.
#
# Source: OWASP, "Forgot Password Cheat Sheet".

# %% [markdown]
# ## What to log
#
# When something happens you need to know who logged in from where, and who failed.
# A log is read by many, copied to many places and kept for long: it is the last place for a secret.
#
# **Predict.** A middleware notes every request, "for debugging".
# Five requests follow, each with one secret.
# How many are in the log?

# %%
from urllib.parse import parse_qs

LOG_KEY = b"from the settings: it makes addresses into names that stay the same and say nothing"
kept_secret = {name: secrets.token_urlsafe(16) for name in ("password", "session", "bearer", "key", "reset")}


def visits(browser):
    s = kept_secret
    browser.post("/login", data={"email": "ada@example.com", "password": s["password"]})
    browser.get("/me", headers={"cookie": f"__Host-session={s['session']}"})
    browser.get("/orders", headers={"authorization": f"Bearer {s['bearer']}"})
    browser.get("/orders", headers={"x-api-key": s["key"]})
    browser.get(f"/reset?token={s['reset']}")


def everything(request, body, status):
    return {"url": str(request.url), "headers": dict(request.headers), "body": body.decode(), "status": status}


def chosen(request, body, status):
    email = parse_qs(body.decode()).get("email", [""])[0]
    whom = hmac.digest(LOG_KEY, email.encode(), "sha256").hex()[:8] if email else None
    seen = {"event": f"{request.method} {request.url.path}", "status": status}
    return seen | {"account": whom, "at": clock.now().isoformat()}

# %%
def logging_shop(entry):
    app, app.state.log = FastAPI(), []
    app.add_api_route("/login", lambda: "no", methods=["POST"], status_code=401)

    @app.middleware("http")
    async def note(request: Request, go_on):
        body = await request.body()
        reply = await go_on(request)
        app.state.log.append(json.dumps(entry(request, body, reply.status_code)))
        return reply

    return app


for entry in (everything, chosen):
    app = logging_shop(entry)
    with Site(app) as site:
        visits(site.browser())
    found = [name for name, value in kept_secret.items() if value in "\n".join(app.state.log)]
    print(f"{entry.__name__:10} {len(found)} of {len(kept_secret)} secrets in the log:", *found)
print(app.state.log[0])

# %% [markdown]
# Name what goes *into* the log; a list of what to take out is one header short on the day you add a header.
#
# | log | never log |
# |---|---|
# | log-ins, failures, log-outs, throttled attempts | passwords, also wrong ones: they are nearly right |
# | changed password, address, second factor; recovery asked and used | session ids, tokens, codes, keys; where lines must be joined, a hash of them |
# | refused tokens, with the reason; a refresh token seen twice | what was typed as a name, where it is no known account: it is often the password |
# | keys issued, used first, revoked; by whom | whole headers, bodies, URLs with a query |
#
# Alert on the share of failures, on a family revoked for reuse, on log-ins from many addresses to one account and from one address to many.
#
# Source: OWASP, "Logging Cheat Sheet".

# %% [markdown]
# ## Break in, then close the hole
#
# Reading a list of holes is one thing.
# Here is a shop, and you are Mallory; you have an account and a mailbox of your own.

# %%
import random


def twin(new_token):
    app, resets = FastAPI(), {}
    app.state.mail, app.state.passwords = [], {"ada": secrets.token_hex()}  # unhashed: not today's hole

    @app.post("/forgot")
    def forgot(sent: dict):
        resets[token := new_token()] = sent["name"]
        app.state.mail.append((sent["name"], token))

    @app.post("/reset")
    def reset(sent: dict):
        app.state.passwords[resets.pop(sent["token"])] = sent["password"]

    @app.post("/login")
    def login(sent: dict):
        return hmac.compare_digest(app.state.passwords[sent["name"]], sent["password"])

    return app


def by_the_clock():
    return f"{random.Random(int(clock.time())).getrandbits(128):032x}"

# %% [markdown]
# **Predict.** The token has 128 bits and goes to Ada's mailbox only.
# How do you come by it?
#
# An exploit is an experiment.
# First the hypothesis is tried where it harms nobody: on your own token.

# %%
def mailed_to(app, name):
    return [token for reader, token in app.state.mail if reader == name][-1]


def guess(own, about, seconds=60):
    """The second whose seed gives the token that was mailed to us."""
    for second in range(about - seconds, about + seconds):
        if f"{random.Random(second).getrandbits(128):032x}" == own:
            return second
    return None


app = twin(by_the_clock)
with Site(app) as site:
    site.browser().post("/forgot", json={"name": "mallory"})
second = guess(mailed_to(app, "mallory"), about=int(clock.time()) + 17)  # our own watch is 17 seconds ahead
print("the shop seeds with its clock:", second == int(clock.time()))

# %% [markdown]
# A generator that is seeded with the time has as many outcomes as there are seconds to guess from, whatever the length of what it prints.
# Now the attack, written as a test: it says whether it got in.
# Beside it the test that a fix must not break.

# %%
def mallory_gets_in(site, app):
    browser = site.browser()
    browser.post("/forgot", json={"name": "mallory"})
    browser.post("/forgot", json={"name": "ada"})  # within the same second
    second = guess(mailed_to(app, "mallory"), about=int(clock.time()) + 17)
    token = f"{random.Random(second).getrandbits(128):032x}"
    browser.post("/reset", json={"token": token, "password": "mine-now"})
    return browser.post("/login", json={"name": "ada", "password": "mine-now"}).json() is True


def ada_recovers(site, app):
    browser = site.browser()
    browser.post("/forgot", json={"name": "ada"})
    browser.post("/reset", json={"token": mailed_to(app, "ada"), "password": "moonlight-kettle-8"})
    return browser.post("/login", json={"name": "ada", "password": "moonlight-kettle-8"}).json() is True

# %% [markdown]
# **Fix it**, and run both again.

# %%
def shop_with(new_token):
    def carried_out(visit):
        app = twin(new_token)
        with Site(app) as site:
            return visit(site, app)
    return carried_out


once = random.Random()  # seeded once, by the operating system
holes = {
    "seeded with the clock": shop_with(by_the_clock),
    "a random.Random": shop_with(lambda: f"{once.getrandbits(128):032x}"),
    "secrets": shop_with(lambda: secrets.token_hex(16)),
}
tried = try_all({"Ada recovers her account": ada_recovers, "Mallory's exploit": mallory_gets_in}, holes)
draw_admissions(tried, {"Ada recovers her account"})

# %% [markdown]
# The middle column has stopped *this* exploit and not closed the hole.
# Python's `random` is a Mersenne Twister: its whole state is in 624 outputs of 32 bits, which is 156 mails.
#
# **Break it** once more, before believing it.

# %%
from grader.instruments.twister import clone


def patient_mallory(site, app):
    browser = site.browser()
    for _ in range(156):
        browser.post("/forgot", json={"name": "mallory"})
    own = [int(token, 16) for reader, token in app.state.mail if reader == "mallory"]
    token = f"{clone(own).getrandbits(128):032x}"  # the next one, before it is made
    browser.post("/forgot", json={"name": "ada"})
    browser.post("/reset", json={"token": token, "password": "mine-now"})
    return browser.post("/login", json={"name": "ada", "password": "mine-now"}).json() is True


visits = {
    "Ada recovers her account": ada_recovers,
    "Mallory knows the time": mallory_gets_in,
    "Mallory asks for 156 mails first": patient_mallory,
}
draw_admissions(try_all(visits, holes), {"Ada recovers her account"})

# %% [markdown]
# That is the method of this unit's last exercises: read, suspect, try it on yourself, write the exploit as a test, close the hole and not the exploit, and see that those who may still can.
# Whatever must not be guessed comes from `secrets`.
#
# Throttling would have slowed the patient one down; it would not have been the fix.

# %%
r.close()
behind.close()
idp.close()
folder.cleanup()
db.drop()

# %% [markdown]
# ## Key points
#
# - Stored passwords are Argon2id strings: a salt makes each row its own problem, memory makes each guess dear, for you as well.
# - Nothing a token says decides how it is checked: key, algorithm, issuer, audience, kind and time are yours to demand.
# - A session ends when you say, a token when it runs out; a key or a refresh token is a row with a hash, and taking it is one statement.
# - In the code flow each value ties two things together: state the browser, PKCE the asker, nonce the ID token, `iss` the provider.
# - Every answer, link and log line of a login or recovery is read by somebody else too: say the same to all, build it from your own settings, and choose what goes in.
#
# Now the lab: [labs/08-authentication](../labs/08-authentication/08-authentication.ipynb).
