# %% [markdown]
# # Caching: the lab
#
# Ten exercises, each judged by running your own code beside a real PostgreSQL and a real Redis server (Valkey).
# Both wires are counted: the judge knows how many statements and how many commands a call cost, and in which order they arrived.
#
# What holds in every exercise unless it says otherwise:
#
# - `conn` is an open psycopg 3 connection, not in autocommit mode and not in a transaction; one that you leave open is rolled back by the pool it came from.
# - `redis` is a `redis.Redis` client that returns bytes and does not retry; other processes use the same server.
# - The names of your keys are yours to choose, and so is what you keep in them.
# - Time is the judge's: in the check the TTLs in Redis, `time.time()`, `time.monotonic()` and `time.sleep()` all follow one virtual clock, and nobody waits for real.
# - Typed errors come from `grader.shop.errors` and are imported below; an exception class of your own is as good.

# %% context

# %% [markdown]
# ## 1. A product from the cache
#
# `get_product(conn, redis, product_id)` returns the product with this id: a dict with `id`, `name` and `price` (a `Decimal`) of its row in `products`; more columns do no harm, and a row or an object with the same content is as good.
# For an id without product it returns `None` or raises `UnknownProduct`.
#
# - A product that any process has asked for before costs no statement; one that is not in the cache costs exactly one.
# - Every key you leave in Redis runs out by itself, after a day at most; then the database is asked again.
# - Entries filled at the same moment must not run out at the same moment: their lifetimes differ by at least 5 % of their length.
# - The release before yours shares this Redis. Under the obvious names without a version (`product:7`, `shop:product:7`, `cache:product:7` and the like) it left JSON such as `{"id": 7, "name": "Desk lamp", "price": 1999}`, the price in cents. For you such an entry is a miss: it is neither shown to a customer nor an error.
#
# Example: two calls for product 7, from two processes, cost one SELECT together.

# %% answer="get_product"
def get_product(conn: psycopg.Connection, redis, product_id: int) -> dict | None:
    """The product with this id as {"id": int, "name": str, "price": Decimal}; None if there is none."""
    ### BEGIN SOLUTION
    # The version of the format is part of the key, so releases with different formats never meet, and each entry
    # lives for ten minutes and a random part of two more, so what was filled together does not run out together.
    # A version inside the value keeps one key a product but has to be looked at on every read.
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached is not None:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    lifetime = 600 + random.randrange(120)
    redis.set(key, json.dumps({**product, "price": str(product["price"])}), ex=lifetime)
    return product
    ### END SOLUTION


# %% check="get_product"
