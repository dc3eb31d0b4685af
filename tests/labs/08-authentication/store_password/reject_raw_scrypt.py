# fails: argon2id_at_rest -- "no Argon2 hash"
# A good function, and not the one that was asked for.
def store_password(conn, email, password):
    salt = secrets.token_bytes(16)
    key = hashlib.scrypt(unicodedata.normalize("NFC", password).encode(), salt=salt, n=2**12, r=8, p=1)
    conn.execute(
        "INSERT INTO credentials VALUES (%s, %s) ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash",
        (email, "scrypt$" + salt.hex() + "$" + key.hex()),
    )
    conn.commit()


def verify_password(conn, email, password):
    row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", (email,)).fetchone()
    if row is None or "$" not in row[0]:
        return False
    kind, _, rest = row[0].partition("$")
    salt, _, digest = rest.partition("$")
    if kind == "sha256":
        return hashlib.sha256((salt + password).encode()).hexdigest() == digest
    if kind != "scrypt":
        try:
            return argon2.PasswordHasher().verify(row[0], password)
        except argon2.exceptions.VerifyMismatchError:
            return False
    key = hashlib.scrypt(unicodedata.normalize("NFC", password).encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1)
    return hmac.compare_digest(key.hex(), digest)
