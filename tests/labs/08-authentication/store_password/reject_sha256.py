# fails: argon2id_at_rest -- "no Argon2 hash" "fast hash"
def _hash(salt, password):
    return hashlib.sha256((salt + password).encode()).hexdigest()


def store_password(conn, email, password):
    salt = secrets.token_hex(16)
    conn.execute(
        "INSERT INTO credentials VALUES (%s, %s) ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash",
        (email, f"sha256${salt}${_hash(salt, password)}"),
    )
    conn.commit()


def verify_password(conn, email, password):
    row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", (email,)).fetchone()
    if row is None:
        return False
    if row[0].startswith("$argon2"):
        try:
            return argon2.PasswordHasher().verify(row[0], password)
        except argon2.exceptions.VerifyMismatchError:
            return False
    if "$" not in row[0]:
        return False
    salt, _, digest = row[0].removeprefix("sha256$").partition("$")
    return _hash(salt, password) == digest
