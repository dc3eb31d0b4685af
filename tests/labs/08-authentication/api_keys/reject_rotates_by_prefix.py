# fails: rotation_overlaps -- "a key in use with a wrong secret"
# Who has read a line of a log has the prefix, and with it the next key.
class BadKey(Exception):
    def __init__(self):
        super().__init__("invalid API key")


class NotInScope(Exception):
    pass


def create_key(conn, owner_id, scopes, clock):
    conn.autocommit = True
    id, secret = uuid.uuid4().hex[:8], uuid.uuid4().hex
    conn.execute(
        "INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at) "
        "VALUES (%s, %s, encode(sha256(convert_to(%s, 'UTF8')), 'hex'), %s, %s)",
        [owner_id, f"shop_{id}.", secret, scopes, clock.now()],
    )
    return f"shop_{id}.{secret}"


def split(key):
    start, dot, secret = key.partition(".")
    if not dot or "\0" in key or len(key) > 100:
        raise BadKey
    return start + dot, secret


def check_key(conn, key, scope, clock):
    conn.autocommit = True
    prefix, secret = split(key)
    row = conn.execute(
        """
        SELECT owner_id, %(scope)s = ANY (scopes) FROM api_keys
         WHERE prefix = %(prefix)s AND key_hash = encode(sha256(convert_to(%(secret)s, 'UTF8')), 'hex')
           AND revoked_at IS NULL AND coalesce(expires_at, 'infinity') > %(now)s
        """,
        {"scope": scope, "prefix": prefix, "secret": secret, "now": clock.now()},
    ).fetchone()
    if row is None:
        raise BadKey
    if not row[1]:
        raise NotInScope
    return row[0]


def rotate_key(conn, key, clock):
    conn.autocommit = True
    prefix, secret = split(key)
    id, fresh = uuid.uuid4().hex[:8], uuid.uuid4().hex
    made = conn.execute(
        """
        WITH old AS (
            UPDATE api_keys SET rotated_at = %(now)s, expires_at = least(expires_at, %(now)s + interval '24 hours')
             WHERE prefix = %(prefix)s
               AND revoked_at IS NULL AND coalesce(expires_at, 'infinity') > %(now)s AND rotated_at IS NULL
            RETURNING owner_id, scopes
        )
        INSERT INTO api_keys (owner_id, prefix, key_hash, scopes, created_at)
        SELECT owner_id, %(new)s, encode(sha256(convert_to(%(fresh)s, 'UTF8')), 'hex'), scopes, %(now)s FROM old
        """,
        {"now": clock.now(), "prefix": prefix, "secret": secret, "new": f"shop_{id}.", "fresh": fresh},
    ).rowcount
    if not made:
        raise BadKey
    return f"shop_{id}.{fresh}"


def revoke_key(conn, prefix, clock):
    conn.autocommit = True
    conn.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, %s) WHERE prefix = %s", [clock.now(), prefix]
    )
