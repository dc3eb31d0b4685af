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
# ## 1. What a plan says (`read_the_plan`)
#
# Plans are compared by looking at the same data, so this exercise reads them in a small shop with ten thousand orders, also your own.
# The next cell connects to it; `explain(sql, conn=small)` draws a plan, and `EXPLAIN (ANALYZE, BUFFERS)` prints one.

# %%
from grader import connect, explain

small = connect("shop_small", autocommit=True)
one_customer = "SELECT id, placed_at, total FROM orders WHERE customer_id = 42 ORDER BY placed_at DESC"
gifts = """SELECT o.id, i.product_id, i.quantity FROM orders o JOIN order_items i ON i.order_id = o.id
 WHERE o.note LIKE 'Gift%' AND i.quantity > 2"""
velo_sales = """SELECT p.name, sum(i.quantity) AS sold FROM order_items i JOIN products p ON p.id = i.product_id
 WHERE p.category = 'outdoor' AND p.brand = 'Velo' GROUP BY p.name ORDER BY sold DESC"""
explain(one_customer, conn=small)

# %% [markdown]
# Bind `read_the_plan` to a dict with one entry for each of the three queries, `"one_customer"`, `"gifts"` and `"velo_sales"`, each a dict of what you read off its plan as it was run:
#
# | key | what to read |
# |---|---|
# | `"bottleneck"` | the node that itself touches the most pages (its children's not counted), as EXPLAIN calls it: kind and table, such as `"Index Scan on customers"` |
# | `"rows_thrown_away"` | how many rows were read and then removed, by all nodes together; where EXPLAIN gives an average over loops, the whole |
# | `"worst_misestimate"` | how far off the worst row estimate of any node is, as a factor of at least 1: 10 expected and 1,000 found is 100, and so is the reverse |
# | `"pages"` | how many pages the whole execution touched, found in memory or not; planning not counted |
#
# Write the values down as numbers and text: the check reads the same plans in its own copy of the data, where your connection does not exist.
# Counts may be off by a few per cent, the factor by a quarter.
# If you have made indexes in `shop_small`, drop them first.

# %% answer="read_the_plan"
### BEGIN SOLUTION
read_the_plan = {
    "one_customer": {"bottleneck": "Seq Scan on orders", "rows_thrown_away": 9995, "worst_misestimate": 1.2, "pages": 133},
    "gifts": {"bottleneck": "Seq Scan on orders", "rows_thrown_away": 10_035, "worst_misestimate": 2.2, "pages": 238},
    "velo_sales": {"bottleneck": "Seq Scan on order_items", "rows_thrown_away": 189, "worst_misestimate": 11, "pages": 213},
}
# Pages tell where the work is done, rows thrown away tell what an index could spare, and a wrong estimate tells why the planner chose what it chose.
# EXPLAIN prints averages over loops and sums over children: multiply by the one, subtract the other, before you compare.
### END SOLUTION

# %% check="read_the_plan"

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
# Write the SQL that makes it cheap, for the customer with thousands of orders, the one with three, and the one with none.
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
# ## 6. The same rows, through the index (`sargable`)
#
# Three queries hide their column from the index that would serve it.
# The indexes are `orders (placed_at)`, `customers (phone)` and the unique one on `products (sku)`; make the first two in your own database to try.
#
# ```sql
# -- orders_of_day: the orders of a day in Paris, where the shop is
# SELECT id FROM orders WHERE (placed_at AT TIME ZONE 'Europe/Paris')::date = %(day)s
#
# -- customers_by_phone: an empty text asks for the customers without a phone
# SELECT id FROM customers WHERE coalesce(phone, '') = %(phone)s
#
# -- products_by_sku: the SKUs that begin with a prefix
# SELECT id FROM products WHERE left(sku, length(%(prefix)s)) = %(prefix)s
# ```
#
# Bind `sargable` to a dict that holds, under these three names, each query rewritten.
# The parameters stay as they are written: `%(day)s` is a date, `%(phone)s` and `%(prefix)s` are texts, and each may be used more than once.
# A single `%` elsewhere in a query is fine.
#
# - Each returns exactly the same ids as the original, in any order, also on difficult data: moments at and around midnight, days with 23 and 25 hours, sessions in any time zone, phones that are empty or NULL, a NULL asked for, prefixes that hold `%`, `_`, `\`, a quote or an accent, or nothing.
# - Where few rows are asked for, they are found through the index: no Seq Scan, and no crowd of rows read and thrown away.
# - No new index: the answer is three queries.

# %% answer="sargable"
### BEGIN SOLUTION
sargable = {
    "orders_of_day": """
        SELECT id FROM orders
         WHERE placed_at >= %(day)s::date::timestamp AT TIME ZONE 'Europe/Paris'
           AND placed_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'Europe/Paris'""",
    "customers_by_phone": """
        SELECT id FROM customers
         WHERE phone = %(phone)s OR (phone IS NULL AND %(phone)s = '')""",
    "products_by_sku": "SELECT id FROM products WHERE starts_with(sku, %(prefix)s)",
}
# The column stands bare on one side, so the index can be descended; all arithmetic happens once, to the parameter.
# A half-open range needs no last moment of the day, and starts_with escapes nothing because it knows no wildcards; a range or an escaped LIKE do as well.
### END SOLUTION

# %% check="sargable"

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

# %% [markdown]
# ## 9. The whole set (`index_budget`)
#
# The table `orders` has a primary key and nothing else, takes a stream of new orders (all of them pending at first) and answers eight queries:
#
# | name | query | pages |
# |---|---|---|
# | newest | `SELECT id, placed_at, status, total FROM orders WHERE customer_id = $1 ORDER BY placed_at DESC LIMIT 20` | 40 |
# | since | `SELECT count(*) FROM orders WHERE customer_id = $1 AND placed_at >= $2` | 20 |
# | delivered | `SELECT id, placed_at, total FROM orders WHERE customer_id = $1 AND status = 'delivered' ORDER BY placed_at DESC LIMIT 10` | 50 |
# | oldest_pending | `SELECT id, customer_id, placed_at FROM orders WHERE status = 'pending' ORDER BY placed_at LIMIT 50` | 70 |
# | overdue | `SELECT count(*) FROM orders WHERE status = 'pending' AND placed_at < $1` (three years ago) | 20 |
# | day | `SELECT id, customer_id, total FROM orders WHERE placed_at >= $1 AND placed_at < $2` (a day) | 60 |
# | revenue | `SELECT sum(total) FROM orders WHERE placed_at >= $1 AND placed_at < $2 AND status <> 'cancelled'` (a day) | 60 |
# | by_id | `SELECT * FROM orders WHERE id = $1` | 5 |
#
# Write the SQL that creates the set of indexes for all of them.
#
# - Each query touches at most the pages of its row, with a hundred thousand orders and for customers with some hundred orders; the check vacuums and analyzes the table before it looks.
# - At most three new indexes.
# - An insert writes at most 15 % more WAL than it would with three plain indexes of one or two columns.
# - Existing indexes, tables, rows and settings stay as they are.

# %% answer="index_budget"
# %%sql index_budget
# -- BEGIN SOLUTION
# CREATE INDEX orders_customer_time ON orders (customer_id, placed_at);
# CREATE INDEX orders_pending_time ON orders (placed_at) WHERE status = 'pending';
# CREATE INDEX orders_time ON orders (placed_at);
# -- Three columns in three orders of precedence answer seven queries, and the primary key the eighth; a status among a customer's newest orders is cheaper to filter than to index.
# -- BRIN over the time with small ranges costs inserts less, and (status, placed_at) can even stand in for the last two, because version 18 skips from status to status.
# -- END SOLUTION

# %% check="index_budget"

# %% [markdown]
# ## 10. Rows or columns (`row_or_column`)
#
# The same orders lie in Parquet files, which DuckDB reads.
# The next cell makes such files of your own beside this notebook, with small row groups as a large file has many, and shows what one query reads.

# %%
from grader.instruments.parquet import duckdb_bytes_scanned
from grader.shop import write_parquet

write_parquet("files", orders=10_000)
duckdb.execute("COPY (FROM 'files/orders.parquet') TO 'orders.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)")
duckdb.execute("COPY (FROM 'files/order_items.parquet') TO 'order_items.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)")
duckdb_bytes_scanned(duckdb.connect(), "SELECT max(total) FROM 'orders.parquet'")

# %% [markdown]
# Bind `row_or_column` to a dict with two entries.
#
# `"query"`: the text of a DuckDB query over `'orders.parquet'` and, if you need it, `'order_items.parquet'`, that says for the last quarter of 2025 (from 1 October, up to and not including 1 January 2026; times in the files are UTC) how many orders were delivered to each country, and for how much.
#
# - It returns three columns: the shipping country, the number of orders with status `'delivered'`, the sum of their `total`; one row for each country that has any, in any order.
# - It reads at most a quarter more bytes than the columns named here have in the row groups where the quarter's orders lie.
# - The check runs it over files of its own, with other orders.
#
# `"choices"`: a dict that says for each of four workloads which engine moves fewer bytes, `"postgres"` (as the shop's tables and primary keys are) or `"duckdb"` (over such files):
#
# | workload | statement |
# |---|---|
# | `"one_order"` | `SELECT * FROM orders WHERE id = ...` |
# | `"revenue_by_month"` | `SELECT date_trunc('month', placed_at), sum(total) FROM orders GROUP BY 1` |
# | `"mark_shipped"` | `UPDATE orders SET status = 'shipped' WHERE id = ...` (a Parquet file cannot be changed, only written anew) |
# | `"units_by_product"` | `SELECT product_id, sum(quantity) FROM order_items GROUP BY 1` |
#
# All four choices must be the winners that the check measures, in 8 kB pages there and in bytes read or written here.

# %% answer="row_or_column"
### BEGIN SOLUTION
row_or_column = {
    "query": """
        SELECT shipping_country, count(*) AS orders, sum(total) AS revenue
          FROM 'orders.parquet'
         WHERE status = 'delivered'
           AND placed_at >= TIMESTAMP '2025-10-01' AND placed_at < TIMESTAMP '2026-01-01'
         GROUP BY shipping_country""",
    "choices": {
        "one_order": "postgres",
        "revenue_by_month": "duckdb",
        "mark_shipped": "postgres",
        "units_by_product": "duckdb",
    },
}
# The bare comparison lets DuckDB skip every row group whose newest order is too old, and of the rest it reads four columns of ten.
# Whole rows, one at a time, are what pages and a B-tree are for; a few columns of everything are what columns are for.
### END SOLUTION

# %% check="row_or_column"
