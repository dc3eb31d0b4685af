# fails: account_is_throttled, address_is_throttled -- "TooManyAttempts" "network address has failed"
hasher = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)
dummy = hasher.hash("x")


def login(conn, redis, email, password, ip, clock):
    with conn.cursor(row_factory=dict_row) as cur:
        account = cur.execute("SELECT * FROM accounts WHERE email = %s", (email.lower(),)).fetchone()
    if account is None or not account["password_hash"].startswith("$argon2"):
        hasher.verify(password, dummy)
        raise InvalidCredentials
    if not hasher.verify(password, account["password_hash"]):
        raise InvalidCredentials
    return account["id"]
