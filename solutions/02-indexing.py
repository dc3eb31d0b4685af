# %% [markdown]
# # Indexing and query plans: the lab
#
# Run the set-up cell, then answer each exercise in its cell and run the check below it.
# Every check runs your statements on fresh copies of the shop, one with ten thousand orders and one with a hundred thousand, and looks at plans, pages and sizes; it never looks at the clock.
# Your own database is `shop`, with a million orders: try things there with `%%sql` (no name after it) and `explain("SELECT ...")`.
# `lab.hint("customer_orders")` helps in three steps, `lab.reset("customer_orders")` gives the untouched cell back.
#
# Answers in SQL may be a `%%sql name` cell, as prepared here, or a Python string bound to the name.
# Several statements are fine: each runs in a transaction of its own.

# %% context

# %% [markdown]
# ## 2. The newest orders of a customer (`customer_orders`)
#
# The account page asks this for every customer who opens it:
#
# ```sql
# SELECT id, placed_at, status, total
#   FROM orders
#  WHERE customer_id = $1
#  ORDER BY placed_at DESC
#  LIMIT 20
# ```
#
# Write the SQL that makes it cheap, for the customer with thousands of orders as for the one with three, and for customers who have none.
#
# - The orders come out in order: no Sort of more than a few dozen rows.
# - At most 60 pages are read, and no more than that when there are ten times as many orders.
# - One new index, and no more in it than the search and the order need: at most 1.6 times the size of a plain index of two columns.
# - The query, the tables, their rows and all settings stay as they are.

# %% answer="customer_orders"
# %%sql customer_orders
# -- BEGIN SOLUTION
# CREATE INDEX orders_newest_of_customer ON orders (customer_id, placed_at DESC);
# -- Entries lie sorted by customer and then by time, so one descent finds the newest and twenty steps along the leaves find the rest.
# -- Ascending serves as well (it is read backwards); adding the selected columns would save 20 heap pages and cost every insert.
# -- END SOLUTION

# %% check="customer_orders"

# %% [markdown]
# ## 3. Orders still pending (`open_orders`)
#
# The warehouse asks this every few seconds:
#
# ```sql
# SELECT id, customer_id, placed_at, total
#   FROM orders
#  WHERE status = 'pending'
#  ORDER BY placed_at
# ```
#
# Two orders in a hundred are pending.
# Write the SQL that lets exactly these be found through an index.
#
# - The query as written uses the new index, at both sizes of the data.
# - The index is smaller than 5 % of the same index over all orders.
# - The same query about `'shipped'` orders does without it: their writers pay nothing for it.
# - One new index; tables, rows and settings stay as they are.

# %% answer="open_orders"
# %%sql open_orders
# -- BEGIN SOLUTION
# CREATE INDEX orders_pending ON orders (placed_at) WHERE status = 'pending';
# -- Only rows that satisfy the predicate have an entry, so the index holds two orders in a hundred and stays small for ever.
# -- The planner uses it wherever the query's own WHERE implies the predicate; another column as key would find them too, unsorted.
# -- END SOLUTION

# %% check="open_orders"
