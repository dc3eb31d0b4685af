# accepts: SERIALIZABLE, the whole unit tried again when the server refuses it
def transfer(conn, source, target, amount):
    if amount <= 0:
        raise InvalidAmount
    if source == target:
        raise SameAccount
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    while True:
        try:
            with conn.transaction():
                read = "SELECT balance FROM accounts WHERE id = %s"
                rich = conn.execute(read, [source]).fetchone()
                poor = conn.execute(read, [target]).fetchone()
                if rich is None or poor is None:
                    raise UnknownAccount
                if rich[0] < amount:
                    raise InsufficientFunds
                write = "UPDATE accounts SET balance = %s WHERE id = %s"
                conn.execute(write, [rich[0] - amount, source])
                conn.execute(write, [poor[0] + amount, target])
            return
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            continue
