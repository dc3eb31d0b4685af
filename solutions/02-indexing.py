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

# %% [markdown]
# ## 4. One customer for one address (`email_lookup`)
#
# Customers type their address as they please: `Ada.Ito.7@example.com` and `ADA.ITO.7@EXAMPLE.COM` are the same person.
# The login asks:
#
# ```sql
# SELECT id, name
#   FROM customers
#  WHERE lower(email) = lower($1)
# ```
#
# Write the SQL that makes this a look-up of at most 10 pages, and that makes a second customer with the same address impossible, in whatever case it is written.
#
# - An INSERT or UPDATE that would give two customers the same address, apart from its case, is refused by the database.
# - Everything else is still accepted, such as a customer who changes only the case of their own address.
# - One new index does both.
# - Tables, columns and their types, rows and settings stay as they are.

# %% answer="email_lookup"
# %%sql email_lookup
# -- BEGIN SOLUTION
# CREATE UNIQUE INDEX customers_email_any_case ON customers (lower(email));
# -- The index holds the lower-cased addresses, so it answers the very expression of the query, and UNIQUE compares what it holds.
# -- An exclusion constraint on the same expression does as well; citext changes the column's type for everybody who reads it.
# -- END SOLUTION

# %% check="email_lookup"

# %% [markdown]
# ## 5. A read from the index alone (`covering`)
#
# This runs hundreds of times a second, for any customer and any date:
#
# ```sql
# SELECT placed_at, total
#   FROM orders
#  WHERE customer_id = $1
#    AND placed_at >= $2
#  ORDER BY placed_at
# ```
#
# Write the SQL that lets it be answered without a visit to the table.
#
# - Every plan is an Index Only Scan with 0 heap fetches (the check vacuums the table before it looks, as autovacuum would).
# - Only the entries asked for are read, and they come out in order.
# - The key of the index has no column that is neither searched nor sorted by, and the index holds nothing that the query does not ask for.
# - One new index; tables, rows and settings stay as they are.

# %% answer="covering"
# %%sql covering
# -- BEGIN SOLUTION
# CREATE INDEX orders_spent_since ON orders (customer_id, placed_at) INCLUDE (total);
# -- The key finds and orders, the included column rides along in the leaves, so the table is asked only about pages changed since the last vacuum.
# -- Putting the total into the key would answer the query too, but it would be compared and kept in inner pages for nothing.
# -- END SOLUTION

# %% check="covering"

# %% [markdown]
# ## 7. Deleting a product (`fk_delete`)
#
# ```sql
# DELETE FROM products WHERE id = $1
# ```
#
# The product was entered by mistake: nobody ever ordered it, none is in stock.
# Still the statement takes longer the more orders the shop has ever had.
# Write the SQL that makes it cheap.
#
# - The pages that the foreign keys visit for one delete stay the same when there are ten times as many order items (at most 20).
# - A product that somebody has ordered is still refused.
# - One new index; tables, constraints, rows and settings stay as they are.

# %% answer="fk_delete"
# %%sql fk_delete
# -- BEGIN SOLUTION
# CREATE INDEX order_items_product ON order_items (product_id);
# -- Before the product may go, its foreign key looks for order items that refer to it, and with the index it finds in three pages that there are none.
# -- A hash index is as good for this one question; inventory needs nothing, because its primary key is the product.
# -- END SOLUTION

# %% check="fk_delete"

# %% [markdown]
# ## 8. What the planner does not know (`stale_statistics`)
#
# ```sql
# SELECT id, customer_id, total
#   FROM orders
#  WHERE shipping_city = $1
#    AND shipping_postcode = $2
# ```
#
# For a postcode of Zürich the planner expects a handful of orders where there are hundreds, and builds the rest of a plan on that.
# Write the SQL after which its estimate is right.
#
# - For the more frequented places (a city and one of its postcodes) the worst estimate is within a factor of 3 of the truth, as soon as your statements have run, with ten thousand orders and with a hundred thousand.
# - No index is added, and no planner setting is touched; tables and rows stay as they are.

# %% answer="stale_statistics"
# %%sql stale_statistics
# -- BEGIN SOLUTION
# CREATE STATISTICS orders_places (dependencies, mcv) ON shipping_city, shipping_postcode FROM orders;
# ANALYZE orders;
# -- Taken column by column the two shares are multiplied; together they say that the postcode decides the city, and how often each pair occurs.
# -- Dependencies alone are smaller and know every pair a little; most common values know the hundred commonest exactly.
# -- END SOLUTION

# %% check="stale_statistics"
