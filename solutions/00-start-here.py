# %% [markdown]
# # Start here: the lab
#
# Two tiny exercises, to learn how an answer and a check work together.
# Run the set-up cell first: it starts what does not run, and gives you `lab`.
# Then write an answer in its cell, run that cell, and run the check below it.
#
# The check takes the *source* of the last cell you ran that binds the name of the exercise, and runs it in a process of its own on a fresh database.
# Nothing you do here can break your own data, and a wrong answer costs nothing.

# %% context

# %% [markdown]
# ## 1. A first answer in Python (`count_orders`)
#
# Write `count_orders(conn, customer_id)`: how many orders that customer has placed.
#
# - `conn` is an open psycopg connection to a shop; the table is `orders`, the column `customer_id`.
# - It returns an `int`, and 0 for a customer without orders.
# - Orders come in all the time: every call says what is true then.
# - It only looks: nothing is created or changed.
#
# Try a wrong answer first, and read what the check makes of it.

# %% answer="count_orders"
def count_orders(conn: psycopg.Connection, customer_id: int) -> int:
    """How many orders the customer has placed; 0 for one without orders."""
    ### BEGIN SOLUTION
    # count(*) gives one row in every case, with 0 where nothing matches, so no special case is left.
    # Fetching the rows and taking len() is right too, and sends every one of them over the wire to be thrown away.
    found = conn.execute("SELECT count(*) FROM orders WHERE customer_id = %s", (customer_id,)).fetchone()
    return found[0]
    ### END SOLUTION

# %% check="count_orders"

# %% [markdown]
# ## 2. A first answer in SQL (`cheapest_products`)
#
# Write one query: the five cheapest products that are still sold.
#
# - Its columns are `id`, `name` and `price`, in this order.
# - A product is still sold while its `discontinued_at` is NULL.
# - The cheapest comes first; products of equal price come in the order of their ids.
#
# A cell that begins with `%%sql cheapest_products` keeps its text as the answer; `%%sql` alone runs it on your own shop.

# %% answer="cheapest_products"
# %%sql cheapest_products
# -- BEGIN SOLUTION
# SELECT id, name, price
#   FROM products
#  WHERE discontinued_at IS NULL
#  ORDER BY price, id
#  LIMIT 5;
# -- IS NULL is the only comparison that is true of a NULL, and the id after the price settles every tie.
# -- FETCH FIRST 5 ROWS ONLY is the standard's word for LIMIT 5; a window function does as well and says more than is needed.
# -- END SOLUTION

# %% check="cheapest_products"

# %% [markdown]
# ## What now
#
# `lab.progress()` shows the map of the course, with what you have done.
# The lesson `02-indexing` is a good next stop.
