# %% [markdown]
# # Indexing and query plans
#
# **The query took a millisecond on the laptop and takes seconds in production; the code is the same: what does the database do all that time?**
#
# After this lesson you can
#
# - read a plan node by node, and name the one that does the work,
# - say from the query which index would serve it, and in which order its columns go,
# - choose a partial, expression or covering index where it pays, and say what it costs a writer,
# - recognise a query that no index can serve, and a table that needs none,
# - repair a wrong estimate, and decide between a row store and a column store.
#
# 60 minutes.
# Out of scope: locks while an index is built (`05-migrations`), joins in an ORM (`03-data-access`), full-text and vector search.

# %% [markdown]
# ## Set up
#
# We work on a private copy of three tables of your shop, without a single index.
# It is dropped at the end, and your own tables are only read.
# Parallel plans, background vacuum and just-in-time compilation are off, so that the figures are the same at every run.
#
# We count visits to **pages** of 8192 bytes, not milliseconds: they are the same on a busy laptop and on a quiet server, and they are what grows with the data.
# A page visited twice counts twice.

# %%
import tempfile
from pathlib import Path

import duckdb

from grader import explain
from grader.instruments.work import duckdb_bytes_scanned
from grader.notebook.playground import Playground, shape
from grader.notebook.tables import Table
from grader.show import plots

play = Playground("indexing", "orders", "customers", "products")

# %%
# %%sql
# SELECT relname AS table, reltuples::bigint AS rows, relpages AS pages
#   FROM pg_class WHERE relnamespace = 'lesson_indexing'::regnamespace AND relkind = 'r'
#  ORDER BY relpages DESC;

# %% [markdown]
# ## A table is a pile of pages
#
# This is the first page of `orders`, drawn from the server's own memory (`pageinspect`).
# Rows are put in from the end; a line pointer of four bytes says where each begins, so that a row can be named by page and pointer.

# %%
play.draw_page("orders", block=0, row=7)

# %% [markdown]
# Nothing in the page says where to look for order 4711.
#
# **Predict:** how many pages does the server visit to find one order by its id?

# %%
one_order = "SELECT * FROM orders WHERE id = 4711"
play.pages(one_order)

# %% [markdown]
# All of them: it cannot stop at the first hit, because nothing says that there is only one.
# Now with an index.

# %%
# %%sql
# CREATE UNIQUE INDEX orders_id ON orders (id);

# %%
play.compare({"one order": one_order})

# %% [markdown]
# A B-tree keeps its entries sorted, in pages of their own; above them lie pages that say which page begins with what.
# A look-up visits one page a level, and then the row's own page.

# %%
play.draw_descent("orders_id", 4711)

# %% [markdown]
# An inner page has room for some hundreds of entries, so three levels hold tens of millions of rows and four levels hold billions.
# That is why a look-up hardly grows with the table.

# %% [markdown]
# ## Reading a plan
#
# `EXPLAIN (ANALYZE, BUFFERS)` runs the statement and says what each node did.
# **Predict:** which node of this query does most of the work?

# %%
busy_customers = """
SELECT c.name, count(*) AS orders, sum(o.total) AS spent
  FROM customers c JOIN orders o ON o.customer_id = c.id
 WHERE c.country = 'BR' AND o.status = 'refunded'
 GROUP BY c.id, c.name
 ORDER BY spent DESC
 LIMIT 10
"""

# %% tags=["nbval-ignore-output"]
explain(busy_customers)

# %% [markdown]
# Read it in this order.
#
# 1. **From the inside out.** The innermost nodes fetch rows; each hands what it found to the node above.
# 2. **Where are the pages?** A node's buffers include those of the nodes below it; subtract them to see its own. The picture marks the node with most pages; in the live viewer choose *buffers* above the list on the left.
# 3. **What is thrown away?** *Rows removed by filter* were read and not wanted: an index could have skipped them.
# 4. **How good was the guess?** Compare estimated and actual rows. A large factor low down misleads every choice above it.
# 5. **How often?** `loops` multiplies: the server's own text gives rows per loop, the picture gives the product.
#
# Time comes last: it holds for this machine, this cache and this minute.

# %%
plan = play.plan(busy_customers)
worker = plan.bottleneck()
print(f"most pages:   {worker.label} reads {worker.own_pages:,} of {plan.pages:,}")
print(f"thrown away:  {worker.rows_removed:,} rows, to keep {worker.actual_rows:,}")

# %% [markdown]
# ## Statistics
#
# The planner chooses before it has seen a row.
# It knows each column's most common values and a histogram of the rest, taken from a sample by `ANALYZE`.

# %% tags=["nbval-ignore-output"]
# %%sql
# SELECT unnest(most_common_vals::text::text[]) AS status,
#        round(unnest(most_common_freqs)::numeric, 2) AS share
#   FROM pg_stats
#  WHERE schemaname = 'lesson_indexing' AND tablename = 'orders' AND attname = 'status'
#  LIMIT 4;

# %% [markdown]
# The share a condition keeps is its **selectivity**.
# For two conditions the planner multiplies the two shares, as if the columns had nothing to do with each other.
#
# **Predict:** some orders are shipped to Zürich in Switzerland. How far off is the estimate for the country *and* the city?


# %%
def guess(query):
    """Estimated and actual rows of the scan at the bottom."""
    scan = list(play.plan(query).walk())[-1]
    return scan.plan_rows, scan.actual_rows


def verdict(query):
    estimated, actual = guess(query)
    factor = max(estimated, actual) / min(estimated, actual)
    return "good: within a factor of 1.5" if factor < 1.5 else f"about {factor:.0f} times off"


in_zurich = "SELECT * FROM orders WHERE shipping_country = 'CH' AND shipping_city = 'Zürich'"

# %% tags=["nbval-ignore-output"]
print("country alone:   ", verdict("SELECT * FROM orders WHERE shipping_country = 'CH'"))
print("country and city:", verdict(in_zurich))

# %% [markdown]
# A city lies in one country, so the second condition adds nothing; multiplying counts it twice.
# Statistics over both columns together cure it, at no cost to writers.

# %%
# %%sql
# CREATE STATISTICS orders_place (dependencies, mcv) ON shipping_country, shipping_city FROM orders;
# ANALYZE orders;

# %%
print("country and city:", verdict(in_zurich))

# %% [markdown]
# ## When a sequential scan is right
#
# An index is a detour: for every entry it visits the row's page, and rows that are neighbours in the index may lie on pages far apart.
# Here is the same question for a growing share of the table, answered in each of three ways.
# `total` has nothing to do with the order in which rows lie.
#
# **Predict:** from which share on is reading the whole table cheaper?

# %%
play.run("CREATE INDEX orders_total ON orders (total)")
shares = [0.0001, 0.001, 0.01, 0.03, 0.1, 0.4]
ways = {
    "Index Scan": {"enable_seqscan": "off", "enable_bitmapscan": "off"},
    "Bitmap Heap Scan": {"enable_seqscan": "off", "enable_indexscan": "off"},
    "Seq Scan": {"enable_bitmapscan": "off", "enable_indexscan": "off"},
}
cuts = play.conn.execute(
    "SELECT percentile_disc(%s::float8[]) WITHIN GROUP (ORDER BY total DESC) FROM orders", [shares]
).fetchone()[0]
visited, chosen = {way: [] for way in ways}, []
for cut in cuts:
    query = f"SELECT max(note) FROM orders WHERE total >= {cut}"
    chosen.append(list(play.plan(query, warm=False).walk())[1].node_type)
    for way, off in ways.items():
        with play.settings(**off):
            visited[way].append(play.pages(query, warm=False))

# %%
figure, axes = plots.figure()
for (way, pages), ink, marker in zip(visited.items(), plots.INKS, plots.MARKERS, strict=False):
    axes.loglog(shares, pages, color=ink, marker=marker, label=way)
for share, way in zip(shares, chosen, strict=True):
    axes.plot(share, visited[way][shares.index(share)], "o", ms=15, mfc="none", mec="black")
axes.set(
    xlabel="share of the rows wanted",
    ylabel="pages visited",
    title="The planner's own choice is circled",
)
axes.set_xticks(shares, [f"{share * 100:g} %" for share in shares])
axes.legend()
plots.plot(figure, f"Pages visited for shares {shares}: {visited}. The planner chose {chosen}.")

# %% [markdown]
# An index scan visits a page for every row, so it soon visits more pages than the table has.
# A bitmap scan first collects the pages, sorts them, and visits each once: it never exceeds the table by much.
# Past a few per cent nearly every page holds a wanted row; from there on a sequential scan is no mistake, and which of the two the planner takes hardly matters.
# For a table of a few pages it is never a mistake.

# %% [markdown]
# ## Composite order
#
# The dearest orders of one postcode:

# %%
dearest = "SELECT id, total FROM orders WHERE shipping_postcode = '20012' ORDER BY total DESC LIMIT 10"


play.run("DROP INDEX orders_total")


def with_index(columns, query):
    """How the query goes with one index of its own, which is dropped again."""
    play.run(f"CREATE INDEX orders_try ON orders {columns}")
    plan = play.plan(query)
    play.run("DROP INDEX orders_try")
    return columns, shape(plan), sum(node.rows_removed for node in plan.walk()), plan.pages


# %% [markdown]
# **Predict:** rank these four by pages.

# %%
tried = [
    with_index(columns, dearest)
    for columns in (
        "(shipping_postcode)",
        "(total)",
        "(total, shipping_postcode)",
        "(shipping_postcode, total)",
    )
]
Table(("index on", "how", "thrown away", "pages"), tuple(tried), len(tried))

# %% [markdown]
# Entries are sorted by the first column, and within equal values by the next one, like a telephone book.
#
# - Postcode alone finds all its orders, wherever they lie, and sorts them to keep ten.
# - Total alone has the order but not the place: it walks down from the dearest, looks at each row, and throws nearly all away.
# - Total, then postcode: the same walk, but within the index.
# - Postcode, then total: one descent to the end of the postcode's stretch, and ten steps back.
#
# The rule: columns compared with `=` first, then the one that is sorted by or compared with a range.
# An index on `(a, b)` also serves `a` alone; on `b` alone it does not.

# %% [markdown]
# ## Partial indexes
#
# Few orders carry a note, and only those are ever looked through.

# %%
play.run(
    "CREATE INDEX orders_placed ON orders (placed_at)",
    "CREATE INDEX orders_noted ON orders (placed_at) WHERE note IS NOT NULL",
)
play.sizes()

# %%
noted = "SELECT id, note FROM orders WHERE note IS NOT NULL AND placed_at >= '2025-12-01' ORDER BY placed_at"
play.compare(
    {
        "with a note": noted,
        "note LIKE": noted.replace("note IS NOT NULL", "note LIKE '%Gift%'"),
        "coalesce(note, '')": noted.replace("note IS NOT NULL", "coalesce(note, '') <> ''"),
        "any order": noted.replace("note IS NOT NULL AND ", ""),
    }
)

# %% [markdown]
# The predicate is part of the index: only rows that satisfy it have an entry, and only they cost their writers anything.
# The planner uses it where the query's own `WHERE` *implies* the predicate.
# It can prove that `LIKE` is never true of NULL; it does not look into `coalesce`.

# %% [markdown]
# ## Expression indexes

# %%
play.run("DROP INDEX orders_placed", "CREATE INDEX customers_name ON customers (name)")
by_name = {
    "name =": "SELECT id FROM customers WHERE name = 'Ada Ito'",
    "lower(name) =": "SELECT id FROM customers WHERE lower(name) = 'ada ito'",
}
play.compare(by_name)

# %% [markdown]
# The index knows `name`, not what a function makes of it; for all the planner can tell, `lower` may reorder everything.
# An index can hold the function's result instead, if the function gives the same result for ever (it is *immutable*).

# %%
play.run("CREATE INDEX customers_lower_name ON customers (lower(name))", "ANALYZE customers")
play.compare(by_name)

# %% [markdown]
# The expression must be the same in the query and in the index.
# `ANALYZE` afterwards, because statistics are kept for the expression too; with `UNIQUE`, the index forbids two rows that the expression makes equal.

# %% [markdown]
# ## Sargable predicates
#
# Often the query can be turned round so that a plain index serves.
# A predicate that compares the bare column with a value is called *sargable* (search argument able; the word is from System R, 1979).

# %%
play.run("CREATE INDEX orders_placed ON orders (placed_at)")
play.compare(
    {
        "function on the column": "SELECT id FROM orders WHERE date_trunc('day', placed_at, 'UTC') = '2024-02-01'",
        "a range": "SELECT id FROM orders WHERE placed_at >= '2024-02-01+00' AND placed_at < '2024-02-02+00'",
        "arithmetic on the column": "SELECT id FROM orders WHERE placed_at + interval '90 days' > '2025-12-31+00'::timestamptz + interval '89 days'",
        "on the value": "SELECT id FROM orders WHERE placed_at > '2025-12-31+00'::timestamptz - interval '1 day'",
        "a cast of the column": "SELECT id FROM orders WHERE id::text = '4711'",
        "a cast of the value": "SELECT id FROM orders WHERE id = '4711'::bigint",
    }
)

# %% [markdown]
# Moving the arithmetic must not change what is asked: mind NULLs, the end of the range (`<` the next day, never `<=` its last second) and whose midnight it is.

# %% [markdown]
# ## Covering and the visibility map
#
# An index that holds every column a query wants could answer it without the table.
# (We rule out bitmap scans here: the planner knows that they are better as long as the table must be visited.)

# %%
play.run("CREATE INDEX orders_place_total ON orders (shipping_postcode) INCLUDE (total)")
spent_there = "SELECT sum(total) FROM orders WHERE shipping_postcode = '20012'"


def look():
    scan = list(play.plan(spent_there).walk())[-1]
    return scan.node_type, scan.actual_rows, scan.heap_fetches, scan.pages


with play.settings(enable_bitmapscan="off"):
    before = look()
Table(("how", "rows", "heap fetches", "pages"), (before,), 1)

# %% [markdown]
# **Predict:** it is called an Index Only Scan. Why does it visit the table at all?
#
# An index entry does not say who may see its row: an old transaction may still need a deleted one, or may not yet see a new one.
# The table says so, row by row; and its *visibility map* has one bit a page for "everybody sees everything here".
# `VACUUM` sets the bits, and the next write to the page clears its bit.

# %%
lines = []
for step, statement in {
    "after VACUUM": "VACUUM orders",
    "after 1 % of the rows were updated": "UPDATE orders SET note = 'checked' WHERE id % 100 = 0",
    "after VACUUM again": "VACUUM orders",
}.items():
    play.run(statement)
    with play.settings(enable_bitmapscan="off"):
        lines.append((step, *look()))
Table(("", "how", "rows", "heap fetches", "pages"), tuple(lines), len(lines))

# %% [markdown]
# One row in a hundred was changed, and most pages lost their bit, because a page holds 75 rows (the picture at the top) and one is enough.
# So a covering index pays on tables that are read much and changed little, or vacuumed often.
# Columns that are only carried belong in `INCLUDE`: they are in the leaves alone, and take no part in the order.

# %% [markdown]
# ## Foreign keys
#
# A foreign key makes sure that no order is left without its customer: whoever deletes a customer looks for their orders.
# The referenced side has an index, always; the referencing side has one only if you make it.
#
# **Predict:** what does it cost to delete a customer who never ordered anything?

# %%
play.run(
    "ALTER TABLE customers ADD PRIMARY KEY (id)",
    "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers",
)
((nobody,),) = play.conn.execute(
    "SELECT min(id) FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id)"
)
leave = f"DELETE FROM customers WHERE id = {nobody}"
print("without an index:", play.pages_by_table(leave))
play.run("CREATE INDEX orders_customer ON orders (customer_id)")
print("with an index:   ", play.pages_by_table(leave))

# %%
plan = play.plan(leave)
print("the plan:   ", shape(plan), plan.pages, "pages")
print("its trigger:", plan.triggers[0].constraint, plan.triggers[0].calls, "call")

# %% [markdown]
# The search is done by a trigger, once for each deleted row, so the plan of the `DELETE` itself looks innocent.
# `EXPLAIN ANALYZE` lists the trigger below the plan with its calls and its time; nothing says what it reads.

# %% [markdown]
# ## What an index costs a writer
#
# Every index is one more place where every new row must be entered.
# We count records of the write-ahead log (WAL) for an insert, with more and more indexes.

# %%
play.run("CREATE TABLE inbox (LIKE orders INCLUDING DEFAULTS) WITH (autovacuum_enabled = off)")
new_rows = ["INSERT INTO inbox SELECT * FROM orders WHERE id BETWEEN 400001 AND 402000"]
columns = ["id", "customer_id", "placed_at", "status", "total", "shipping_postcode"]
costs = []
for count in range(len(columns) + 1):
    if count:
        play.run(f"CREATE INDEX ON inbox ({columns[count - 1]})")
    work = play.wal(new_rows)
    costs.append((count, round(work.records / 2000), work.bytes / 2000))

# %% tags=["nbval-ignore-output"]
figure, axes = plots.figure(height=3.2)
axes.bar([c for c, _, _ in costs], [size for _, _, size in costs], color=plots.INKS[0], width=0.6)
for count, records, size in costs:
    axes.text(count, size, f"{records} record{'s' if records > 1 else ''}", ha="center", va="bottom")
axes.set(
    xlabel="indexes on the table", ylabel="bytes of WAL for each insert", title="What one insert writes"
)
plots.plot(
    figure, f"Indexes, records and bytes of WAL an insert: {[(c, r, round(b)) for c, r, b in costs]}"
)

# %% [markdown]
# Each index adds a record of its own to every insert, its pages compete for the same cache, and a replica replays it all.
#
# An update writes a whole new version of the row.
# If no indexed column changes and the page has room, the new version hangs on to the old one (a *heap-only tuple*, HOT) and no index hears of it.
#
# **Predict:** does an index on `status` make updates of `status` cheaper or dearer?


# %%
def update_cost(*indexes):
    play.run(
        "DROP TABLE IF EXISTS inbox",
        "CREATE TABLE inbox WITH (autovacuum_enabled = off, fillfactor = 50) AS SELECT * FROM orders WHERE id <= 2000",
        *(f"CREATE INDEX ON inbox ({columns})" for columns in indexes),
    )
    work = play.wal(["UPDATE inbox SET status = 'paid' WHERE id <= 1000"])
    return round(work.records / 1000)


print("records for each update, indexes on id, total:        ", update_cost("id", "total"))
print("records for each update, indexes on id, total, status:", update_cost("id", "total", "status"))

# %% [markdown]
# One more index, and every update of that column enters the new version in *all* of them.
# So an index on a column that changes all the time costs more than its own upkeep.

# %% [markdown]
# ## B-tree, GIN, BRIN, hash
#
# | kind | holds | serves |
# |---|---|---|
# | B-tree | every value, sorted | `=`, ranges, order, prefixes |
# | hash | a hash of every value | `=` only, and it cannot be unique |
# | GIN | every word, element or trigram, with the rows that have it | arrays, jsonb, text search, `LIKE '%x%'` with pg_trgm |
# | BRIN | the least and greatest value of each 128 pages | ranges, where rows lie in the order of the column |

# %%
play.run(
    "DROP INDEX orders_placed",
    "CREATE INDEX customers_name_trigrams ON customers USING gin (name gin_trgm_ops)",
    "CREATE INDEX customers_email_hash ON customers USING hash (email)",
    "CREATE INDEX orders_placed_brin ON orders USING brin (placed_at)",
)
play.compare(
    {
        "GIN: ILIKE '%ael van dij%'": "SELECT id FROM customers WHERE name ILIKE '%ael van dij%'",
        "hash: one address": "SELECT id FROM customers WHERE email = 'michael.vandijk.1@example.org'",
        "BRIN: one day": "SELECT count(*) FROM orders WHERE placed_at >= '2024-05-05+00' AND placed_at < '2024-05-06+00'",
    }
)

# %%
play.run("CREATE INDEX orders_placed_btree ON orders (placed_at)")
sizes = play.sizes()
print(f"B-tree on placed_at: {sizes['orders_placed_btree']:,} pages")
print(f"BRIN on placed_at:   {sizes['orders_placed_brin']:,} pages")

# %% [markdown]
# BRIN reads more of the table than a B-tree would and is a thousandth of its size: right for a log that is written in order, useless for a column whose values lie anywhere.

# %% [markdown]
# ## Row store against column store
#
# Postgres keeps a row together; a column store such as DuckDB over Parquet keeps a column together, compressed.
# We ask both the same questions and count the bytes each reads.

# %%
folder = tempfile.TemporaryDirectory()
parquet = Path(folder.name) / "orders.parquet"
play.to_parquet("orders", parquet)
duck = duckdb.connect()
duck.execute(f"CREATE VIEW orders AS FROM '{parquet}'")
print(
    f"Postgres: {play.pages('SELECT count(note) FROM orders') * 8192 / 1e6:.0f} MB,",
    f"Parquet: {parquet.stat().st_size / 1e6:.0f} MB",
)

# %%
questions = {
    "one order": "SELECT * FROM orders WHERE id = 4711",
    "a customer's orders": "SELECT * FROM orders WHERE customer_id = 2005",
    "revenue by country": "SELECT shipping_country, sum(total) FROM orders GROUP BY shipping_country",
    "orders by status and year": "SELECT status, extract(year FROM placed_at), count(*) FROM orders GROUP BY 1, 2",
}
read = [
    (name, play.pages(query) * 8192 / 1e6, duckdb_bytes_scanned(duck, query).bytes_read / 1e6)
    for name, query in questions.items()
]
Table(
    ("question", "Postgres, MB", "DuckDB, MB"),
    tuple((name, round(row, 2), round(column, 2)) for name, row, column in read), len(read),
)  # fmt: skip

# %%
figure, axes = plots.figure(height=3.0)
for shift, part, ink, label in (
    (-0.2, 1, plots.INKS[0], "Postgres, with its indexes"),
    (0.2, 2, plots.INKS[1], "DuckDB over Parquet"),
):
    axes.barh(
        [n + shift for n in range(len(read))], [row[part] for row in read], 0.38, color=ink, label=label
    )
axes.set(
    xscale="log", xlabel="megabytes read", yticks=range(len(read)), yticklabels=[row[0] for row in read]
)
axes.invert_yaxis()
axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
plots.plot(
    figure,
    f"Megabytes read (question, Postgres, DuckDB): {[(n, round(p, 2), round(d, 2)) for n, p, d in read]}",
)

# %% [markdown]
# A whole row is cheap to find and to write where it lies together: the shop's own work.
# A few columns of all rows are cheap to read where columns lie together: reports.
# A Parquet file is never changed in place: one changed row means a new file.
# Neither is better; many systems keep both, and copy from the first to the second.

# %% [markdown]
# ## In production
#
# In review, ask of every new query:
#
# - Which index serves it, and does the `WHERE` compare bare columns?
# - What happens at ten times the rows: is there a bound, a `LIMIT`, an order that an index gives?
# - Does a new index make an old one superfluous? Is there an index under every foreign key that is deleted through?
# - Will it be built with `CREATE INDEX CONCURRENTLY`?
#
# Monitor:
#
# - `pg_stat_statements`: total pages and calls by statement, not the slowest single call;
# - `pg_stat_user_indexes.idx_scan`: indexes that nobody uses (on every replica, before you drop one);
# - `pg_stat_user_tables`: `n_tup_hot_upd` against `n_tup_upd`, dead rows, the last vacuum and analyze;
# - `auto_explain`, for plans that changed overnight.
#
# Sources: PostgreSQL 18 documentation, chapters 11 (Indexes), 14 (Performance Tips), 65 (Built-in Index Access Methods) and 66 (Database Physical Storage);
# Selinger et al., *Access Path Selection in a Relational Database Management System* (1979), where cost, selectivity and *sargable* come from;
# Stonebraker et al., *C-Store: A Column-oriented DBMS* (2005);
# Markus Winand, *Use The Index, Luke*.

# %%
play.close()
folder.cleanup()

# %% [markdown]
# ## Key points
#
# - A plan is read from the inside out: pages, rows thrown away, estimate against actual, loops; time last.
# - Equality first, then range or order: a B-tree serves a prefix of its columns.
# - Partial, expression and covering indexes hold less, something else, or more than a column; every insert pays for each, and an update of an indexed column pays for all.
# - A function or cast on the column hides it from its index; a query that wants much of a table is right to read all of it.
# - Correlated columns need statistics of their own; rows for the shop's work, columns for its reports.
#
# Next: [the lab](../02-indexing/02-indexing.ipynb), ten exercises.
