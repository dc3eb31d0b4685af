# fails: long_passwords -- "last of 1,301" "72 bytes"
# As bcrypt was used to.
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def clean(password):
    return unicodedata.normalize("NFC", password).encode()[:72]


def store_password(conn, email, password):
    hashed = hasher.hash(clean(password))
    conn.execute(
        "INSERT INTO credentials VALUES (%s, %s) ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash",
        (email, hashed),
    )
    conn.commit()


def verify_password(conn, email, password):
    row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", (email,)).fetchone()
    conn.commit()
    if row is None:
        return False
    stored = row[0]
    if stored.startswith("sha256$"):
        salt, _, digest = stored.removeprefix("sha256$").partition("$")
        good = hmac.compare_digest(hashlib.sha256((salt + password).encode()).hexdigest(), digest)
        old = True
    else:
        try:
            good = hasher.verify(stored, clean(password))
        except (argon2.exceptions.VerifyMismatchError, argon2.exceptions.InvalidHashError):
            return False
        old = hasher.check_needs_rehash(stored)
    if good and old:
        conn.execute(
            "UPDATE credentials SET password_hash = %s WHERE email = %s AND password_hash = %s",
            (hasher.hash(clean(password)), email, stored),
        )
        conn.commit()
    return good
