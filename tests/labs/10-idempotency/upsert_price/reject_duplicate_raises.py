# fails: replay_changes_nothing, order_does_not_matter, every_call_returns -- "every delivery returns" "delivers again, for ever"
# Late and repeated messages are treated as errors of the sender.
class Outdated(Exception):
    pass


def upsert_price(conn, sku, price, at):
    with conn.transaction():
        done = conn.execute(
            """INSERT INTO prices AS p VALUES (%s, %s, %s) ON CONFLICT (sku)
               DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at""",
            (sku, price, at),
        )
        if done.rowcount == 0:
            raise Outdated(sku)
