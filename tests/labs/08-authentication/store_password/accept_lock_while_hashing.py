# accepts: argon2-cffi itself, with own parameters; the row is locked from reading to upgrading
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def _text(password):
    return unicodedata.normalize("NFC", password)


def store_password(conn, email, password):
    conn.execute("DELETE FROM credentials WHERE email = %s", (email,))
    conn.execute("INSERT INTO credentials (email, password_hash) VALUES (%s, %s)", (email, hasher.hash(_text(password))))
    conn.commit()


def verify_password(conn, email, password):
    try:
        with conn.cursor(row_factory=dict_row) as cur:
            cur.execute("SELECT * FROM credentials WHERE email = %s FOR UPDATE", (email,))
            row = cur.fetchone()
            if row is None:
                return False
            stored = row["password_hash"]
            if stored.startswith("sha256$"):
                salt, _, hexa = stored[7:].partition("$")
                if hashlib.sha256(salt.encode() + password.encode()).hexdigest() != hexa:
                    return False
            else:
                try:
                    hasher.verify(stored, _text(password))
                except (argon2.exceptions.VerifyMismatchError, argon2.exceptions.InvalidHashError):
                    return False
                if not hasher.check_needs_rehash(stored):
                    return True
            cur.execute("UPDATE credentials SET password_hash = %s WHERE email = %s", (hasher.hash(_text(password)), email))
            return True
    finally:
        conn.commit()
