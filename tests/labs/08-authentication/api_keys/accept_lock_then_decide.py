# accepts: a class around the connection; the row is locked and looked at in Python; a keyed hash; base32
from psycopg import sql


class Keys:
    ALPHABET = re.compile(r"shop_[a-z2-7]{10}_[a-z2-7]{32}") if (re := __import__("re")) else None

    def __init__(self, conn, clock):
        self.conn, self.now = conn, clock.now()
        self.cursor = conn.cursor(row_factory=dict_row)

    @staticmethod
    def digest(key):
        return base64.b64encode(hmac.digest(b"shop api keys v1", key.encode(), "sha512")).decode()

    def find(self, key, lock=""):
        if not self.ALPHABET.fullmatch(key):
            raise InvalidKey("This API key is not valid.")
        self.cursor.execute("SELECT * FROM api_keys WHERE prefix = %s " + lock, [key[:15]])
        found = self.cursor.fetchone()
        if found is None or not secrets.compare_digest(found["key_hash"], self.digest(key)):
            raise InvalidKey("This API key is not valid.")
        if found["revoked_at"] is not None or (found["expires_at"] and found["expires_at"] <= self.now):
            raise InvalidKey("This API key is not valid.")
        return found

    def add(self, owner_id, scopes):
        random = base64.b32encode(secrets.token_bytes(30)).decode().lower()
        key = f"shop_{random[:10]}_{random[10:42]}"
        self.cursor.execute(
            "INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at) "
            "VALUES (%(owner_id)s, %(prefix)s, %(key_hash)s, %(scopes)s, %(now)s)",
            {
                "owner_id": owner_id,
                "prefix": key[:15],
                "key_hash": self.digest(key),
                "scopes": scopes,
                "now": self.now,
            },
        )
        return key


def create_key(conn: psycopg.Connection, owner_id: int, scopes: list[str], clock) -> str:
    with conn.transaction():
        return Keys(conn, clock).add(owner_id, scopes)


def check_key(conn: psycopg.Connection, key: str, scope: str, clock) -> int:
    with conn.transaction():
        found = Keys(conn, clock).find(key)
    if set(found["scopes"]).isdisjoint({scope}):
        raise MissingScope(f"This key does not cover {scope}.")
    return found["owner_id"]


def rotate_key(conn: psycopg.Connection, key: str, clock) -> str:
    with conn.transaction():
        keys = Keys(conn, clock)
        old = keys.find(key, "FOR UPDATE")
        if old["rotated_at"]:
            raise InvalidKey("This API key is not valid.")
        ends = min(filter(None, [old["expires_at"], keys.now + timedelta(days=1)]))
        keys.cursor.execute(
            "UPDATE api_keys SET rotated_at = %s, expires_at = %s WHERE id = %s", [keys.now, ends, old["id"]]
        )
        return keys.add(old["owner_id"], old["scopes"])


def revoke_key(conn: psycopg.Connection, prefix: str, clock) -> None:
    with conn.transaction():
        conn.execute(
            "UPDATE api_keys SET revoked_at = %s, expires_at = %s WHERE prefix = %s",
            [clock.now()] * 2 + [prefix],
        )
