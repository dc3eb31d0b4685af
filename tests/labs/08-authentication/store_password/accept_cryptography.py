# accepts: another library (cryptography), parameters read from the string, upgrade as compare-and-set
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


def _make(password):
    kdf = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=2, lanes=1, memory_cost=32 * 1024)
    return kdf.derive_phc_encoded(unicodedata.normalize("NFC", password).encode())


def store_password(conn, email, password):
    conn.execute(
        """INSERT INTO credentials VALUES (%(email)s, %(hash)s)
           ON CONFLICT (email) DO UPDATE SET password_hash = %(hash)s""",
        {"email": email, "hash": _make(password)},
    )
    conn.commit()


def verify_password(conn, email, password):
    with conn.transaction():
        row = conn.execute("SELECT password_hash FROM credentials WHERE email = %s", [email]).fetchone()
    if row is None:
        return False
    parts = row[0].split("$")
    if parts[0] == "sha256" and len(parts) == 3:
        good = hashlib.sha256((parts[1] + password).encode()).hexdigest() == parts[2]
        old = True
    elif row[0].startswith("$argon2id$"):
        try:
            Argon2id.verify_phc_encoded(unicodedata.normalize("NFC", password).encode(), row[0])
            good = True
        except InvalidKey:
            good = False
        old = not row[0].startswith("$argon2id$v=19$m=32768,t=2,p=1$")
    else:
        return False
    if good and old:
        with conn.transaction():
            conn.execute(
                "UPDATE credentials SET password_hash = %s WHERE email = %s AND password_hash = %s",
                [_make(password), email, row[0]],
            )
    return good
