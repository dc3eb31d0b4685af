# accepts: PasswordHash.verify_and_update with a hasher of its own for the old format
import re


class OldSha256:
    @classmethod
    def identify(cls, hash):
        return (hash if isinstance(hash, str) else hash.decode()).startswith("sha256$")

    def hash(self, password, *, salt=None):
        raise RuntimeError("no new hashes of this kind")

    def verify(self, password, hash):
        password = unicodedata.normalize("NFC", password)  # as keyboards send it, and as these hashes were made
        salt, _, digest = hash.removeprefix("sha256$").partition("$")
        return secrets.compare_digest(hashlib.sha256(f"{salt}{password}".encode()).hexdigest(), digest)

    def check_needs_rehash(self, hash):
        return True


passwords = PasswordHash((Argon2Hasher(), OldSha256()))


def normal(password: str) -> str:
    return unicodedata.normalize("NFKD", password)


def store_password(conn, email, password):
    with conn.transaction(), conn.cursor() as cur:
        hashed = passwords.hash(normal(password))
        cur.execute("UPDATE credentials SET password_hash = %s WHERE email = %s", (hashed, email))
        if cur.rowcount == 0:
            cur.execute("INSERT INTO credentials VALUES (%s, %s)", (email, hashed))


def verify_password(conn, email, password):
    row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", (email,)).fetchone()
    conn.rollback()
    if not row or not re.match(r"\$argon2|sha256\$", row[0]):
        return False
    ok, updated = passwords.verify_and_update(normal(password), row[0])
    if updated:
        conn.execute(
            "UPDATE credentials SET password_hash = %s WHERE email = %s AND password_hash = %s", (updated, email, row[0])
        )
        conn.commit()
    return ok
