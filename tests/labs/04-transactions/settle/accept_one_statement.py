# accepts: locks in order inside one statement
SETTLE = """
WITH net AS (
    SELECT id, sum(change) AS change
      FROM unnest(%s::bigint[], %s::numeric[]) AS moves (id, change)
     GROUP BY id
), locked AS (
    SELECT a.id FROM accounts a WHERE a.id IN (SELECT id FROM net) ORDER BY a.id FOR UPDATE
)
UPDATE accounts SET balance = balance + net.change
  FROM net JOIN locked USING (id)
 WHERE accounts.id = net.id
RETURNING accounts.balance
"""


def settle(conn, transfers):
    ids, changes = [], []
    for source, target, amount in transfers:
        ids += [source, target]
        changes += [-amount, amount]
    with conn.transaction():
        after = conn.execute(SETTLE, [ids, changes]).fetchall()
        if len(after) < len(set(ids)):
            raise UnknownAccount("an account is missing")
        if any(balance < 0 for (balance,) in after):
            raise InsufficientFunds("an account would go below zero")
