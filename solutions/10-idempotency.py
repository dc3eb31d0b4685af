# %% [markdown]
# # Lab 10: idempotency and retries
#
# Whatever is sent over a network is sent twice sooner or later, or late, or into a crash.
# In each exercise your own code is delivered the same thing again, in other orders, at the same moment from two processes, and with a failure at every boundary: before and after every statement and every request.
# When something breaks it you see how, as a timeline or as a list of deliveries.
#
# What holds in every exercise unless it says otherwise:
#
# - `conn` is an open psycopg 3 connection, not in autocommit mode and not in a transaction.
# - When your function returns, its effect is **committed**; what is left open is rolled back by the pool the connection came from.
# - Whoever calls takes an exception for "not done" and calls again, perhaps in another process.
# - The tables shown are there, with nothing but the keys and defaults shown; your role owns them. Further tables are allowed if your own code creates them (`CREATE TABLE IF NOT EXISTS`).
# - Typed errors come from `grader.shop.errors`; an exception class of your own is as good.

# %% context

# %% [markdown]
# ## 1. Prices out of order (`upsert_price`)
#
# Suppliers send prices. The messages pass through queues: some come twice, some late, some overtake others.
#
# ```sql
# CREATE TABLE prices (
#     sku   text PRIMARY KEY,
#     price numeric(10, 2) NOT NULL,
#     at    timestamptz NOT NULL      -- the moment this price is from
# );
# ```
#
# `upsert_price(conn, sku, price, at)` takes one message: at the moment `at` (an aware `datetime`) the price of `sku` was `price` (a `Decimal`).
#
# - A price for a new sku is stored. Afterwards `prices` holds for each sku the price with the latest `at` of all that have come, and that `at`.
# - That is so whatever the order of arrival, however often a message comes, and whoever else delivers at the same moment.
# - Two different prices of one sku never have the same `at`; the same price may be confirmed later.
# - A message that changes nothing is no error: every call returns.
# - A call that is killed anywhere leaves the old price or the new one, and can be repeated.
# - Messages about different skus never wait for each other.
#
# Example: `("A", 9.99, 12:05)` and then `("A", 8.50, 12:00)` leaves 9.99 of 12:05.

# %% answer="upsert_price"
def upsert_price(conn: psycopg.Connection, sku: str, price: Decimal, at: datetime) -> None:
    """Stores `price` as that of `sku` unless a price of a later moment than `at` is known; commits."""
    ### BEGIN SOLUTION
    # The condition stands in the write, so looking and changing are one step and the row's lock orders all writers.
    # A lock on the row, or one advisory lock a sku, does as well, with more statements; SERIALIZABLE needs a retry loop.
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO prices AS known (sku, price, at) VALUES (%s, %s, %s)
            ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at
            WHERE known.at < excluded.at
            """,
            [sku, price, at],
        )
    ### END SOLUTION


# %% check="upsert_price"
