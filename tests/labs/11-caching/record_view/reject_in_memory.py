# fails: counts -- "0 views"
# Gathers in the process: the one that flushes has nothing.
views = []


def record_view(redis, product_id, customer_id):
    views.append((product_id, customer_id))


def flush_views(conn, redis):
    with conn.transaction():
        while views:
            conn.execute(
                "INSERT INTO product_views VALUES (%s, 1, %s) ON CONFLICT (product_id) DO UPDATE "
                "SET views = product_views.views + 1, last_customer = excluded.last_customer",
                views.pop(0),
            )
