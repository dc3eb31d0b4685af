# fails: replay_changes_nothing, order_does_not_matter, newest_wins_under_all_schedules -- "no newer than it was the first time" "last message to arrive"
# The upsert everybody writes first: whoever comes last wins.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute(
            """INSERT INTO prices (sku, price, at) VALUES (%s, %s, %s)
               ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at""",
            (sku, price, at),
        )
