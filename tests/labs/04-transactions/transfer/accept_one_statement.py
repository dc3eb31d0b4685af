# accepts: the condition stands in the statement itself; rows locked in order by a CTE
from psycopg.rows import dict_row

MOVE = """
WITH locked AS (
    SELECT id, balance FROM accounts WHERE id = ANY (%(both)s) ORDER BY id FOR UPDATE
), moved AS (
    UPDATE accounts a
       SET balance = a.balance + CASE a.id WHEN %(source)s THEN -%(amount)s::numeric ELSE %(amount)s::numeric END
     WHERE a.id IN (SELECT id FROM locked)
       AND (SELECT count(*) FROM locked) = 2
       AND (SELECT balance FROM locked WHERE id = %(source)s) >= %(amount)s
    RETURNING a.id
)
SELECT (SELECT count(*) FROM locked) AS found, (SELECT count(*) FROM moved) AS moved
"""


def transfer(conn: psycopg.Connection, source: int, target: int, amount: Decimal) -> None:
    if amount <= 0 or source == target:
        raise InvalidAmount("nothing to transfer")
    with conn.cursor(row_factory=dict_row) as cur:
        cur.execute(MOVE, {"both": [source, target], "source": source, "target": target, "amount": amount})
        row = cur.fetchone()
    if row["moved"] == 2:
        conn.commit()
        return
    conn.rollback()
    if row["found"] < 2:
        raise UnknownAccount("one of the accounts does not exist")
    raise InsufficientFunds("the source account holds too little")
