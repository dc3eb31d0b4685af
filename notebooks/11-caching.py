# %% [markdown]
# # Caching
#
# *The cache made everything fast, and now customers see last week's price, one restart takes the database down, and nobody dares to switch it off.
# Was it worth it, and which of these was avoidable?*
#
# After this lesson you can
#
# - say from counts what a cache saves, and what its misses cost;
# - find the order of steps in which an entry goes stale, and the two cures that hold in every order;
# - keep an expiring key from becoming a crowd at the database, before it expires and after;
# - choose what is kept when not all of it fits, and say what a failing cache may do to its callers;
# - tell caches that are not yours what they may keep, and decide when not to cache at all.
#
# 60 minutes.
# Out of scope: sessions and locks kept in Redis (lessons 08 and 12), Redis as a primary store, materialised views (lesson 03).
#
# Everything below runs against a real PostgreSQL and a real Redis-protocol server (Valkey), both of this lesson's own; your `shop` is not touched.
# Nothing is measured in milliseconds: we count statements, pages and commands on the two wires, and time is a virtual clock's, so that an hour of expiry takes no hour.

# %%
# %load_ext grader
import json
import random
from collections import Counter

from grader.instruments.crowd import Crowd
from grader.instruments.work import pages_touched
from grader.notebook.races import race, race_crash, steps, still
from grader.notebook.scratch import Scratch
from grader.notebook.tables import Table
from grader.notebook.wires import Wires
from grader.show import plots

db = Scratch("lesson_caching", """
    CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL);
    INSERT INTO products SELECT n, 'Product ' || n, 10 FROM generate_series(1, 3000) n;
    CREATE TABLE reviews (product_id int NOT NULL, stars int NOT NULL, words text NOT NULL);
    INSERT INTO reviews SELECT 1 + n % 3000, 1 + n % 5, repeat('fine ', 20) FROM generate_series(1, 30000) n;
    CREATE INDEX ON reviews (product_id);
    ANALYZE products, reviews;
""")
wires = Wires(db)
conn, redis = wires.conn, wires.redis

# %% [markdown]
# ## What a cache saves
#
# The product page shows a product and what its reviews say.
# It is the same for everybody, it is asked for all day, and it hardly changes: the three things that make something worth caching.

# %%
PAGE = """
SELECT p.id, p.name, p.price, count(r.stars) AS reviews, round(avg(r.stars), 1)::float AS stars
  FROM products p LEFT JOIN reviews r ON r.product_id = p.id
 WHERE p.id = %s GROUP BY p.id
"""
FIELDS = ("id", "name", "price", "reviews", "stars")


def load(product):
    return dict(zip(FIELDS, conn.execute(PAGE, [product]).fetchone(), strict=True))


def page(product):
    cached = redis.get(f"page:v1:{product}")
    if cached is not None:
        return json.loads(cached)
    found = load(product)
    redis.set(f"page:v1:{product}", json.dumps(found), ex=600)
    return found

# %% [markdown]
# **Predict.** Two thousand views of three thousand products, most of them of the popular ones; then two thousand more.
# What share of the views is answered from the cache, the first time and the second?

# %%
popularity = [1 / rank for rank in range(1, 3001)]
customers = random.Random(7)
each = pages_touched(conn, PAGE, [7])  # counted for one product, and taken for all of them
rows = []
for title, look in (("no cache", load), ("cache, empty at first", page), ("cache, later", page)):
    with wires.counted() as count:
        for product in customers.choices(range(1, 3001), popularity, k=2000):
            look(product)
    asked = len(count.statements)
    rows.append((title, asked, asked * each, len(count.commands), f"{1 - asked / 2000:.0%}"))
load_later = rows[-1][1] / 2000
columns = ("", "statements", f"pages visited ({each} each)", "commands to Redis", "hit rate")
Table(columns, tuple(rows), 3, "2,000 views each")

# %% [markdown]
# The pages are those of one product's statement, counted once, times the statements.
#
# The popular products take most of the views, so few entries save most of the work; the long tail keeps missing.
# The database feels the *misses* only: going from a hit rate of 98 % to 99 % halves its work, going from 50 % to 51 % changes hardly anything.
#
# A cache is no gift to whoever misses, though.

# %%
for title in ("miss", "hit"):
    if title == "miss":
        redis.delete("page:v1:7")
    with wires.counted() as count:
        page(7)
    print(f"{title:5}", len(count.statements) + len(count.commands), "round trips:", end=" ")
    print(", ".join(text.split()[0] for text in count.commands[:1] + count.statements + count.commands[1:]))

# %% [markdown]
# Three round trips in place of one.
# The average improves and the slowest requests get slower, which is why a cache never repairs a query that is too slow: the first one to ask still waits for it.
#
# **In production.** Watch the miss *rate* and the statements a second that remain, per kind of key; a hit rate over everything says little.

# %% [markdown]
# ## Cache-aside
#
# What `page` does has a name: the application looks aside into the cache, and fills it when it misses.
# Who fills, and who is told of a write, makes four patterns.
# Three of them differ on the wire, here with 100 reads and 40 writes of ten products.

# %%
PRICE, CHANGE = "SELECT price FROM products WHERE id = %s", "UPDATE products SET price = %s WHERE id = %s"


def read(product):
    cached = redis.get(f"price:{product}")
    if cached is None:
        cached = conn.execute(PRICE, [product]).fetchone()[0]
        redis.set(f"price:{product}", cached, ex=600)
    return int(cached)

# %%
def write_around(product, price):
    conn.execute(CHANGE, [price, product])
    redis.delete(f"price:{product}")


def write_through(product, price):
    conn.execute(CHANGE, [price, product])
    redis.set(f"price:{product}", price, ex=600)


def write_behind(product, price):
    redis.set(f"price:{product}", price)  # the only copy until it is written down
    redis.sadd("to-write", product)


def write_down():
    for product in redis.smembers("to-write"):
        conn.execute(CHANGE, [int(redis.get(f"price:{product}")), product])
    redis.delete("to-write")

# %%
rows = []
for write, in_words in (
    (write_around, "aside: delete on write"),
    (write_through, "through: store on write"),
    (write_behind, "behind: store, write later"),
):
    wires.empty()
    traffic = random.Random(11)
    with wires.counted() as count:
        for kind in traffic.sample(["read"] * 100 + ["write"] * 40, 140):
            product = traffic.randrange(1, 11)
            read(product) if kind == "read" else write(product, traffic.randrange(5, 50))
        left = redis.scard("to-write")
        write_down()
    selects = sum(text.startswith("SELECT") for text in count.statements)
    updates = len(count.statements) - selects
    rows.append((in_words, selects, updates, len(count.commands), left))
Table(("pattern", "SELECTs", "UPDATEs", "commands", "only in Redis"), tuple(rows), len(rows))

# %% [markdown]
# - **Cache-aside** is the default: only what is read is kept, and nothing is lost when Redis is.
# - **Read-through** is the same traffic with the loading moved into the cache's own library; the libraries below do that.
# - **Write-through** saves the miss after each write, stores what perhaps nobody reads, and has a race of its own (next section).
# - **Write-behind** folds many writes into one, and what is only in Redis is lost with it: for counters, hardly for prices.
#
# Two details of `page` look harmless and are not.
# Its key carries a **version** of the format: during a deployment two releases share the cache, and neither may choke on the other's entries.
# And every key has an **expiry**: it bounds how long any mistake lives, and it removes entries of what nobody asks for, before memory is full and the server has to choose what goes (*eviction*, below).
#
# **Predict.** A job warms 100 entries after a deployment, all for 60 seconds.
# What do the loads from the database look like over the next three minutes, at thirty views a second?

# %%
def loads_over_time(lifetime, seconds=200, products=100):
    """How many pages have to be loaded in each five seconds, at thirty views a second."""
    wires.empty()
    chance, loads = random.Random(3), Counter()
    for product in range(products):
        redis.set(f"warm:{product}", "x", px=int(lifetime(chance) * 1000))
    for half_second in range(2 * seconds):
        for product in chance.choices(range(products), k=15):
            if redis.get(f"warm:{product}") is None:
                loads[half_second // 10] += 1
                redis.set(f"warm:{product}", "x", px=int(lifetime(chance) * 1000))
        wires.clock.advance(0.5)
    return [loads[n] for n in range(seconds // 5)]


together = loads_over_time(lambda chance: 60)
spread = loads_over_time(lambda chance: chance.uniform(40, 80))

# %%
figure, axes = plots.figure(columns=2, sharey=True, height=3.0)
for ax, loads, title in zip(axes, (together, spread), ("60 s for all", "40 to 80 s"), strict=True):
    ax.bar(range(0, 200, 5), loads, width=4.2, align="edge", color=plots.INKS[0])
    ax.set(title=title, xlabel="seconds since the warm-up")
axes[0].set_ylabel("loads in 5 seconds")
says = f"Loads in each 5 seconds, 60 s for all: {together}; between 40 and 80 s: {spread}."
plots.plot(figure, says)

# %%
print("in the worst five seconds:", max(together), "for all at once,", max(spread), "when spread")

# %% [markdown]
# What is filled together runs out together, and is filled together again: the waves come back every minute, a little wider each time.
# A random part in the lifetime (*jitter*) costs nothing and flattens it.

# %% [markdown]
# ## Invalidation races
#
# Two copies, two servers, no transaction around both: that is all there is to it.
# A writer changes the row and deletes the entry.
#
# **Predict.** Should it delete before the commit, or after it?
# Is there an order of steps in which the entry stays wrong, for each of the two?

# %%
conn.execute("UPDATE products SET price = 10")


def reader(conn, redis, product):
    if redis.get(f"price:{product}") is None:
        price = conn.execute(PRICE, [product]).fetchone()[0]
        redis.set(f"price:{product}", price, ex=600)


def delete_inside(conn, redis, product, price):
    with conn.transaction():
        conn.execute(CHANGE, [price, product])
        redis.delete(f"price:{product}")


def delete_after(conn, redis, product, price):
    conn.execute(CHANGE, [price, product])
    redis.delete(f"price:{product}")


def store_after(conn, redis, product, price):
    conn.execute(CHANGE, [price, product])
    redis.set(f"price:{product}", price, ex=600)

# %% [markdown]
# The next cells play **every order** in which the two servers can get the steps of two calls.
# They do so for a reader who misses, for a reader who finds an entry, and for two writers at once.

# %%
def look(conn, redis):
    return conn.execute(PRICE, [7]).fetchone()[0], redis.get("price:7")


def stale(state):
    row, entry = state
    return "" if entry in (None, str(row)) else f"The row says {row}, the entry {entry}, until it expires"


def cold(conn, redis):
    """Nothing is cached."""


def warm(conn, redis):
    redis.set("price:7", 10, ex=600)
    redis.set("version:7", 0, ex=600)

# %%
def every_race(read, writers):
    rows, found = [], {}
    for write in writers:
        told = [write.__name__]
        for before, calls in (
            (cold, [(read, 7), (write, 7, 12)]),
            (warm, [(read, 7), (write, 7, 12)]),
            (warm, [(write, 7, 12), (write, 7, 13)]),
        ):
            scene = race(db, wires.url, calls, tables=["products"], before=before, look=look, wrong=stale)
            found.setdefault(write.__name__, scene)
            told.append(f"{len(scene.failures)} of {len(scene.runs)}")
        rows.append(tuple(told))
    columns = ("orders that end stale", "reader misses", "reader hits", "two writers")
    return Table(columns, tuple(rows), len(rows)), found


table, found = every_race(reader, [delete_inside, delete_after, store_after])
table

# %% [markdown]
# Nobody is innocent.
# Step through the simplest bad order of deleting inside the transaction, or read it as a whole where nothing moves.

# %%
steps(found["delete_inside"].counterexample, names=("reader", "writer"))

# %% [markdown]
# Until the commit every reader still finds the old row, and puts it back.
# So delete *after* the commit; but one order is left, and this is it.

# %%
still(found["delete_after"].counterexample, names=("reader", "writer"))

# %% [markdown]
# The reader had asked before the commit and fills after the delete: its answer was on the way while the world changed.
# It is rare, it needs a slow reader, and it lasts for the whole lifetime of the entry.
# Storing the new value instead of deleting is worse by one race: two writers commit in one order and reach Redis in the other.
#
# **Fix it.** Either the cache must know that something happened between a reader's question and its answer, or it must know which of two values is newer.

# %%
FILL = """if redis.call('GET', KEYS[1]) == ARGV[1] then
              redis.call('SET', KEYS[1], ARGV[2], 'EX', 600) end"""


def leased_reader(conn, redis, product):
    key, marker = f"price:{product}", f"marker {random.random()}"
    entry = redis.get(key)
    mine = entry is None and redis.set(key, marker, nx=True, ex=10)
    if entry is None or entry.startswith("marker"):
        price = conn.execute(PRICE, [product]).fetchone()[0]
        if mine:  # and nobody has deleted or replaced it meanwhile
            redis.eval(FILL, 1, key, marker, price)

# %%
NEWER = """if tonumber(ARGV[1]) >= tonumber(redis.call('GET', KEYS[2]) or -1) then
               redis.call('SET', KEYS[1], ARGV[2], 'EX', 600)
               redis.call('SET', KEYS[2], ARGV[1], 'EX', 600) end"""


def versioned_reader(conn, redis, product):
    if redis.get(f"price:{product}") is None:
        look = "SELECT version, price FROM products WHERE id = %s"
        version, price = conn.execute(look, [product]).fetchone()
        redis.eval(NEWER, 2, f"price:{product}", f"version:{product}", version, price)


def store_if_newer(conn, redis, product, price):
    change = "UPDATE products SET price = %s, version = version + 1 WHERE id = %s RETURNING version"
    version = conn.execute(change, [price, product]).fetchone()[0]
    redis.eval(NEWER, 2, f"price:{product}", f"version:{product}", version, price)

# %%
conn.execute("ALTER TABLE products ADD COLUMN version int NOT NULL DEFAULT 0")
leased, _ = every_race(leased_reader, [delete_inside, delete_after])
newer, _ = every_race(versioned_reader, [store_if_newer])
cures = [("marker, " + row[0].replace("_", " "), *row[1:]) for row in leased.rows]
cures += [("version, store if newer", *newer.rows[0][1:])]
Table(leased.columns, tuple(cures), len(cures))

# %% [markdown]
# With a **marker** a reader announces that it is about to fill; a delete takes the marker away, and the late reader finds that it may not fill any more.
# This is the *lease* of Facebook's memcache (Nishtala and others, 2013); note that it does not rescue a delete before the commit.
# With a **version** from the row the script in Redis refuses whatever is older, and the order of arrival no longer matters.
# Markers and versions are forgotten too, when they expire or are evicted.
# A reader slower than that finds no version to refuse it, so such readers need a timeout.
# A marker that must still stand when one fills (a lease, as here) needs none: where it is gone, nothing is filled.
#
# One thing no order of steps can cure: the writer dies between its two servers.

# %%
crashed = race_crash(
    db, wires.url, (delete_after, 7, 12), tables=["products"],
    before=warm, look=look, wrong=stale,
)
bad = [run for run in crashed.runs if run.problem]
print(f"{len(crashed.runs) - 1} places to die, stale afterwards in {len(bad)}")
still(bad[0], names=["writer"])

# %% [markdown]
# That is what the expiry is for, and it says how long the damage lasts.
# Where that is too long, the delete becomes a row of the same transaction that a relay carries out (the outbox of lesson 10), or the log of changes is read from the database itself.
#
# **In production.** In review, look for a delete inside the `with` of a transaction, for a value computed before the write and stored after it, and for reads from a *replica* that fill the cache: the replica lags, so they fill with the past.

# %% [markdown]
# ## Stampede
#
# A report takes a second to compute, is kept for ten, and is asked for fifty times a second.
#
# **Predict.** How many computations are under way at once when the entry runs out?
#
# The callers below are real code on the real server, on the virtual clock: `compute` takes a second by sleeping one.

# %%
crowd = Crowd(wires.clock)


class Report:
    """A second of work, and when each began and ended."""

    def __init__(self, takes=1.0):
        self.takes, self.spans = takes, []

    def compute(self):
        began = crowd.now
        crowd.sleep(self.takes)
        self.spans.append((began, crowd.now))
        return f"report of {began:.2f} s"

# %%
def naive(compute):
    value = redis.get("report")
    if value is None:
        value = compute()
        redis.set("report", value, ex=10)
    return value


def play(get, takes=1.0, every=0.02, seconds=40):
    """The report, how its callers fared, and the commands they sent."""
    wires.empty()
    random.seed(5)
    report = Report(takes)
    with wires.counted() as count:
        calls = crowd.play([(n * every, lambda: get(report.compute)) for n in range(int(seconds / every))])
    return report, calls, len(count.commands)

# %%
def at_once(spans, moments):
    return [sum(began <= moment < ended for began, ended in spans) for moment in moments]


def told(played):
    rows = []
    for name, (report, calls, commands) in played.items():
        waits = [call.took for call in calls]
        most = max(at_once(report.spans, [began for began, _ in report.spans]))
        waited = sum(wait > 0 for wait in waits), round(max(waits), 2)
        rows.append((name, len(report.spans), most, *waited, commands))
    columns = ("", "computations", "most at once", "callers who waited", "longest (s)", "commands")
    return Table(columns, tuple(rows), len(rows), "2,000 calls in 40 virtual seconds")


played = {"no protection": play(naive)}
told(played)

# %% [markdown]
# Everybody who comes within that second finds nothing and starts another computation: fifty, each time.
# And here a computation takes a second however many run; a real database gets slower under fifty of them, so the window grows, and with it the crowd.
# That is how an expired key takes a site down.
#
# **Fix it.** One computes; the others wait for it.
# A claim is a key that only one caller can set (`NX`), and it must have an expiry, in case whoever holds it dies.

# %%
def claimed(compute, lease=5):
    while True:
        value = redis.get("report")
        if value is not None:
            return value
        if redis.set("report:claim", "taken", nx=True, ex=lease):
            value = redis.get("report")  # once more: somebody may just have finished
            if value is None:
                value = compute()
                redis.set("report", value, ex=10)
            redis.delete("report:claim")
            return value
        crowd.sleep(0.1)


played["a claim"] = play(claimed)
told(played)

# %% [markdown]
# One computation at a time; as many callers wait as before, and now they poll, which the last column counts.
#
# **Break it.** The lease is a guess about how long the work takes.
# **Predict.** What happens when the work takes more than twice as long as the lease?

# %%
slow = {
    "work 1 s, lease 5 s": play(claimed, every=0.5, seconds=10),
    "work 7 s, lease 3 s": play(lambda compute: claimed(compute, lease=3), takes=7.0, every=0.5, seconds=10),
}
for name, (report, _, _) in slow.items():
    starts = [f"{began:.1f}" for began, _ in sorted(report.spans)]
    print(f"{name}: computations begin at {', '.join(starts)}")

# %% [markdown]
# Every time the claim runs out, one more begins, although the first is still at it.
# And when the first is done, it deletes a claim that is by then somebody else's.
# The second look, with the claim in hand, is for a caller who found nothing and won the claim only after another had computed, stored and given back: without it the work is done twice.
# (These callers take turns only where they sleep, so the table cannot show it.)
#
# So a lease is longer than the work can sensibly take; a claim carries a token, and is given back only by a script that compares it.
# Even then it only saves work: it is no lock that correctness may hang on (lesson 14 has those).
#
# **In production.** Within one process a shared future does the same without Redis (*singleflight*); put it before the claim, and most callers never poll.

# %% [markdown]
# ## Early refresh
#
# Better still if nobody waits: renew the entry while it is still there.
# The entry gets two ages, one from which it is *due* and one at which it is gone; whoever finds it due, and gets the claim, renews it, and everybody else goes on with what there is.

# %%
def entry():
    found = redis.get("report")
    return json.loads(found) if found else (None, 0)  # what is not there has long been due


def renewed(compute, fresh=8, gone=20):
    value, due = entry()
    if wires.clock.time() > due and redis.set("report:claim", "taken", nx=True, ex=5):
        value, due = entry()  # once more
        if wires.clock.time() > due:
            value = compute()
            redis.set("report", json.dumps([value, wires.clock.time() + fresh]), ex=gone)
        redis.delete("report:claim")
    if value is None:  # nothing to show, not even something old
        crowd.sleep(0.1)
        return renewed(compute, fresh, gone)
    return value


played["renewed while it is there"] = play(renewed)
told(played)

# %%
figure, axes = plots.figure(columns=3, sharey=True, height=3.0)
moments = [n / 10 for n in range(401)]
says = {}
for ax, (name, (report, calls, _)), ink in zip(axes, played.items(), plots.INKS, strict=False):
    waits = [(call.began, call.ended) for call in calls]
    ax.fill_between(moments, at_once(waits, moments), step="post", color="#d5d8dc", label="callers who wait")
    ax.fill_between(moments, at_once(report.spans, moments), step="post", color=ink, label="computations")
    ax.set(title=name, xlabel="seconds", ylim=(0, 75))
    ax.legend(loc="upper right", ncols=2, fontsize=8, handlelength=1, columnspacing=1)
    says[name] = [max(most) for most in (at_once(report.spans, moments), at_once(waits, moments))]
axes[0].set_ylabel("under way at once")
plots.plot(figure, f"Most computations and most waiting callers at once: {says}")

# %% [markdown]
# In the first panel everybody who waits computes (the grey is hidden behind), in the second nearly fifty wait for one, each time.
# In the third only those wait who come before there is anything, and the few who renew.
# Their wait can be moved too, to a background task.
#
# There is a way without any claim: each caller throws a die, and renews early with a chance that grows towards the end (Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", 2015).
# A caller who finds `left` seconds, for a value that took `took` seconds, renews if `-took * log(random())` exceeds `left`, which happens with probability `exp(-left / took)`.

# %%
import math

took, throws = 1.0, random.Random(9)
for left in (5.0, 3.0, 1.0):
    times = sum(-took * math.log(1 - throws.random()) > left for _ in range(100_000))
    each = math.exp(-left / took)
    print(f"{left:.0f} s left: 1 caller in {1 / each:.0f} (thrown: {100_000 / times:.0f}), "
          f"at 50 calls a second {50 * each:.1f} a second")

# %% [markdown]
# A key that is asked for once a minute will usually just expire, which harms nobody; one that is asked for fifty times a second is renewed seconds before.
# The busier the key, the earlier somebody is lucky: the die knows the load without anybody measuring it.

# %% [markdown]
# ## Negative caching
#
# A shop is asked for products it does not have: old links, robots, typing errors.
# `page` keeps what it finds, and here it finds nothing.
#
# **Predict.** "There is no such product" is kept for a minute, like a value.
# Does it help against 300 requests for *one* unknown id, and against 300 for 300 different ones?

# %%
def find(product, keep_absence):
    cached = redis.get(f"found:{product}")
    if cached is not None:
        return json.loads(cached)
    row = conn.execute(PRICE, [product]).fetchone()
    if row is not None or keep_absence:
        redis.set(f"found:{product}", json.dumps(row and row[0]), ex=600 if row else 60)
    return row and row[0]


rows = []
for keep_absence in (False, True):
    for title, ids in (("one unknown id", [9_000_000] * 300), ("300 unknown ids", range(9_000_000, 9_000_300))):
        wires.empty()
        with wires.counted() as count:
            for product in ids:
                find(product, keep_absence)
        kept = "kept" if keep_absence else "not kept"
        rows.append((f"absence {kept}, {title}", len(count.statements), len(wires.keys())))
Table(("", "statements", "keys left in Redis"), tuple(rows), len(rows))

# %% [markdown]
# Against one id it is a cure; against a robot that counts upwards it is none, and it fills the memory with nothing.
# So absences live shorter than values, and the set of possible ids is checked before: by its shape (a signed id, a checksum), or by a **Bloom filter**, a bitmap that never says "no" of what is there.

# %%
from hashlib import blake2b

BITS, HASHES = 2**15, 4


def places(product):
    digest = blake2b(str(product).encode(), digest_size=4 * HASHES).digest()
    return [int.from_bytes(digest[n : n + 4]) % BITS for n in range(0, 4 * HASHES, 4)]


def bloom(product):
    batch = redis.pipeline(transaction=False)
    for place in places(product):
        batch.getbit("products", place)
    return all(batch.execute())

# %%
batch = redis.pipeline(transaction=False)
for (product,) in conn.execute("SELECT id FROM products").fetchall():
    for place in places(product):
        batch.setbit("products", place, 1)
batch.execute()
missed = sum(not bloom(product) for product in range(1, 3001))
passed = sum(bloom(product) for product in range(9_000_000, 9_000_300))
print(f"3,000 products in {redis.strlen('products'):,} bytes: {missed} refused wrongly")
print(f"300 unknown ids: {passed} of them get as far as the database")

# %% [markdown]
# A filter must hear of every insert before the first reader does, and forgets nothing that is deleted; short-lived absences need neither, so begin with those.
#
# And an absence goes stale like everything else: a product that is inserted stays hidden for as long as its absence lives, unless whoever inserts deletes that key.

# %% [markdown]
# ## When the cache is down
#
# A cache is not there to be right but to be fast, so its failure may cost time and nothing else.
#
# **Predict.** Redis refuses connections; then it hangs: takes commands and answers none.
# Which of the two is worse for `page`?

# %%
from redis.exceptions import RedisError


def careless(redis, product):
    if (cached := redis.get(f"page:{product}")) is None:
        cached = json.dumps(load(product))
        redis.set(f"page:{product}", cached, ex=60)
    return json.loads(cached)


def careful(redis, product):
    well = True
    try:
        if (cached := redis.get(f"page:{product}")) is not None:
            return json.loads(cached)
    except RedisError:
        well = False
    found = load(product)
    try:
        if well:
            redis.set(f"page:{product}", json.dumps(found), ex=60)
    except RedisError:
        pass  # a page that could not be kept is still a page
    return found

# %%
from contextlib import nullcontext, suppress


def three_views(get, client, trouble):
    answered = 0
    with wires.counted() as count, trouble():
        for product in (1, 2, 3):
            with suppress(RedisError):
                answered += get(client, product)["id"] == product
    return answered, len(count.statements), len(count.commands)


impatient = wires.client("impatient", socket_timeout=0.5)  # and no retries
rows = []
for get in (careless, careful):
    for title, client, trouble in (
        ("is well", redis, nullcontext),
        ("is down", impatient, wires.down),
        ("hangs", impatient, wires.hanging),
    ):
        wires.empty()
        rows.append((get.__name__, title, *three_views(get, client, trouble)))
Table(("", "Redis", "of 3 views answered", "statements", "commands sent"), tuple(rows), len(rows))

# %% [markdown]
# A server that is down says so at once; one that hangs costs every caller a timeout for each command it sends, and callers who wait hold threads and connections meanwhile.
#
# What a client does by itself is a matter of its version; these are the defaults of the one that runs here.

# %%
from redis import Redis as Client

plain = Client().connection_pool.make_connection()
print(f"redis-py waits {plain.socket_timeout} s for a reply, and tries {plain.retry.get_retries()} times more")

# %% [markdown]
# Eleven attempts of five seconds, and the pauses between them: that is about a minute for each command, before a page that the database would have given at once.
# So: a short timeout, no retry, no second command after a failed one, and for longer outages a circuit breaker that does not even try (lesson 13).
#
# **What it costs.** The pages are right now, and they all come from the database.

# %%
print(f"with the cache: {load_later:.2f} statements a view")
print(f"without it:     {1 / load_later:.1f} times as many")

# %% [markdown]
# If it cannot carry that, the cache is no cache but a part that everything stands on, and an empty Redis after a restart is an outage.
# Then what may reach the database must be limited (so many misses at once, the rest is told to come back), and a cold cache is filled slowly before the traffic is let in.
#
# **In production.** Rehearse it: flush the cache of a staging system under load, and look at the database.

# %% [markdown]
# ## Eviction
#
# Memory ends before the catalogue does.
# What happens then is `maxmemory-policy`, and the default `noeviction` is right for data and wrong for a cache: it refuses every write that needs room.
#
# `visits(1)` is four hours of a shop: customers who come back to some hundreds of products, and a crawler that walks through all of them.
#
# **Predict.** Rank these by hit rate: throw out at random, what was *used least recently* (LRU), what is *used least often* (LFU).

# %% tags=["nbval-ignore-output"]
from grader.instruments.eviction import best_possible, replay
from grader.services import throwaway_redis
from grader.shop.visits import visits

trace = visits(1)
policies = ("allkeys-random", "allkeys-lru", "allkeys-lfu")
curves = {policy: [] for policy in policies}
with throwaway_redis() as small:
    for room in (300_000, 500_000, 900_000, 1_600_000, 2_800_000):
        for policy in policies:
            curves[policy].append(replay(small.url, trace, policy, ttl=10**6, room=room))
entries = [played.kept for played in curves["allkeys-lru"]]
figure, axes = plots.figure(height=3.6)
for (policy, played), ink, marker in zip(curves.items(), plots.INKS, plots.MARKERS, strict=False):
    axes.plot(entries, [100 * p.hit_rate for p in played], color=ink, marker=marker, label=policy)
best = [100 * best_possible(trace, n) for n in entries]
axes.plot(entries, best, color="black", linestyle=":", label="who knows the future")
axes.set(xlabel="entries that fit, of 3,000 products", ylabel="hit rate (%)", ylim=(0, 100))
axes.legend()
rates = {policy: [round(p.hit_rate, 2) for p in played] for policy, played in curves.items()}
plots.plot(figure, f"Hit rates with {entries} entries: {rates}; at best {[round(b / 100, 2) for b in best]}.")

# %%
in_order = sorted(policies, key=lambda policy: -curves[policy][1].hit_rate)
print("with room for about a tenth of the catalogue:", " > ".join(in_order))

# %% [markdown]
# A crawler asks for each product once in a long while: for LRU its pages are the newest there are, and each of its walks pushes the customers' products out.
# LFU has counted that the others are wanted more often.
# With much memory LRU is even worse than chance: whoever walks in a circle asks for exactly what was thrown out just before it comes back.
# Where interest wanders (news), recency wins again, and old fame must fade: that is what `lfu-decay-time` is for.
# Measure with your own trace; a curve also says whether more memory would help at all, and where it stops.
#
# How the picture is made: each point is a real server with that much room, through which the trace is played in under a second.
# Valkey counts idle time in whole seconds, so for LRU each entry is put back with the idle time it would have had (`RESTORE ... IDLETIME`), and its LFU counters do not decay meanwhile.
# The server does not sort all keys; it looks at a few (`maxmemory-samples`) and throws out the worst of them.
#
# **In production.** Watch `evicted_keys` and `expired_keys` apart: the first says that memory is short, the second that lifetimes are.
# Never keep what must not be lost (sessions, queues, claims) on a server whose policy is `allkeys-...`.

# %% [markdown]
# ## Hot keys
#
# A cluster of six nodes spreads the *keys*; a key is on one node.
#
# **Predict.** How evenly does traffic like that of the first experiment spread over the six?

# %%
from redis.crc import key_slot

asked = Counter(random.Random(7).choices(range(1, 3001), popularity, k=20_000))


def by_node(copies=1, hottest=5):
    """The share of all commands on each of six nodes; the hottest keys stored under several names."""
    load, chance = Counter(), random.Random(2)
    hot = {product for product, _ in asked.most_common(hottest)}
    for product, times in asked.items():
        for _ in range(times):
            name = f"page:v1:{product}" + (f"#{chance.randrange(copies)}" if product in hot else "")
            load[key_slot(name.encode()) * 6 // 16384] += 1
    return [f"{load[node] / 20_000:.0%}" for node in range(6)]


print(f"the hottest product: {asked.most_common(1)[0][1] / 20_000:.0%} of all views")
print("one copy of each:      ", *by_node())
print("20 of the five hottest:", *by_node(copies=20))

# %% [markdown]
# More nodes do not help a node whose load is one key.
# Copies under several names do, at the price of a delete for each copy; and better still is not to ask at all, for a second or so.

# %% [markdown]
# ## Two levels
#
# A dictionary in the process costs no round trip, and nobody can reach it from outside.
# So a second level brings the invalidation race back, in two places.
# In Redis a late reader may still fill in an old value, and then every process copies it, however well it listens.
# In one's own process a thread may ask Redis before the change and store the answer after the message has removed the entry.
# The usual answer makes neither impossible, only short: whoever changes something *publishes* it, and every process subscribes and forgets.

# %%
class TwoLevels:
    """One process: its own dictionary over Redis, told of changes by publish and subscribe."""

    def __init__(self, name, keep):
        self.redis, self.near, self.keep = wires.client(name), {}, keep
        self.news = self.redis.pubsub(ignore_subscribe_messages=True)
        self.news.subscribe("changed")
        self.news.get_message(timeout=5)  # the subscription is confirmed

    def listen(self, timeout=0.0):
        while (message := self.news.get_message(timeout=timeout)) is not None:
            self.near.pop(message["data"], None)
            timeout = 0.0

    def get(self, key):
        asked = wires.clock.time()  # before the question: the answer may be as old as that
        value, until = self.near.get(key, (None, 0))
        if asked < until:
            return value
        value = self.redis.get(key)
        self.near[key] = value, asked + self.keep
        return value

    def put(self, key, value):
        self.redis.set(key, value)
        self.redis.publish("changed", key)

# %% [markdown]
# **Predict.** B listens.
# A changes the price twice, and the second time B's connection has just broken.
# Published messages are not kept for anybody: what does B show, and until when?

# %%
wires.empty()
a, b = TwoLevels("A", keep=3600), TwoLevels("B", keep=3600)
a.put("price:7", "10")
b.listen(timeout=5)
print("at first B shows           ", b.get("price:7"))
a.put("price:7", "11")
b.listen(timeout=5)
print("A wrote 11, B was told:    ", b.get("price:7"))
wires.proxy.cut_connections("B")
a.put("price:7", "12")
try:
    b.listen()
except RedisError:
    b.news.subscribe("changed")  # connected again, and what was said meanwhile is not repeated
b.listen(timeout=0.2)
print("A wrote 12, B was cut off: ", b.get("price:7"))
wires.clock.advance(600)
print("ten minutes later:         ", b.get("price:7"))

# %% [markdown]
# Messages make the time shorter, nearly always, and bound nothing.
# What bounds it is a lifetime in the process, counted from before Redis was asked.
# It must be shorter than the age that may be shown, because what is read still has to get to the reader: the next cell, in a process that hears nothing at all, promises five seconds and keeps four.
# A few seconds are enough to spare Redis nearly all of the questions.
# The dictionary needs a limit too, or it is a memory leak with a good name.
# A process that notices a broken subscription forgets everything, because it cannot know what it has missed.
#
# Redis offers the same at the level of keys (`CLIENT TRACKING`), with the same rule for a lost connection (documentation: "Client-side caching").

# %%
wires.empty()
b = TwoLevels("B", keep=4)  # five seconds are promised
redis.set("price:7", "10")
shown = []
with wires.counted() as count:
    for second in range(10):
        if second == 3:
            redis.set("price:7", "11")  # and no message arrives
        shown += [b.get("price:7") for _ in range(100)][:1]
        wires.clock.advance(1)
asked = sum(text.startswith("GET") for text in count.commands)
print("B shows, second by second:", *shown)
print(f"1,000 views in ten seconds, {asked} of them asked Redis")

# %% [markdown]
# ## Write-behind
#
# Every view of a page is to be counted, and an UPDATE a view would cost more than the page.
# So views gather in Redis and go to the database a hundred at a time.
#
# **Predict.** The flush takes the number out of Redis and adds it to the row.
# It is killed at some point, and another one runs later.
# Are views lost, counted twice, or both, and does the order of the two steps help?

# %%
ADD = "INSERT INTO views VALUES (7, %s) ON CONFLICT (product) DO UPDATE SET seen = views.seen + excluded.seen"
conn.execute("CREATE TABLE views (product int PRIMARY KEY, seen int NOT NULL)")
conn.execute("CREATE TABLE flushed (stream text PRIMARY KEY, upto text NOT NULL)")


def take_then_write(conn, redis):
    gathered = int(redis.getdel("gathered") or 0)
    conn.execute(ADD, [gathered])


def write_then_take(conn, redis):
    gathered = int(redis.get("gathered") or 0)
    conn.execute(ADD, [gathered])
    redis.decrby("gathered", gathered)

# %%
def up_to_a_mark(conn, redis):
    with conn.transaction():
        mark = conn.execute("SELECT max(upto) FROM flushed").fetchone()[0] or "0-0"
        entries = redis.xrange("views", f"({mark}")
        if entries:
            mark = entries[-1][0]
            conn.execute(ADD, [len(entries)])
            conn.execute("DELETE FROM flushed")
            conn.execute("INSERT INTO flushed VALUES ('views', %s)", [mark])
    moment, number = mark.split("-")
    redis.xtrim("views", minid=f"{moment}-{int(number) + 1}", approximate=False)  # all up to the mark, and the mark

# %%
def hundred_views(conn, redis):
    redis.set("gathered", 100)
    redis.eval("for i = 1, 100 do redis.call('XADD', 'views', '1-' .. i, 'product', 7) end", 0)


def counted(conn, redis):
    return conn.execute("SELECT coalesce(sum(seen), 0)::int FROM views").fetchone()[0]


rows, worst = [], {}
for flush in (take_then_write, write_then_take, up_to_a_mark):
    found = race_crash(
        db, wires.url, (flush,), tables=["views", "flushed"], before=hundred_views,
        after=flush, look=counted, wrong=lambda seen: "" if seen == 100 else f"100 views, {seen} counted",
    )
    ends = Counter(run.state for run in found.runs)
    rows.append((flush.__name__, len(found.runs), *(ends[n] for n in (100, 0, 200))))
    worst[flush.__name__] = found.counterexample
Table(("", "ways to end", "right", "lost", "counted twice"), tuple(rows), len(rows), "then flushed once more")

# %%
still(worst["take_then_write"], names=["flush"])

# %% [markdown]
# Two servers and no transaction around both, once more: one order loses a batch, the other counts it twice, and no third order exists.
# What helps is to keep, *in the same transaction as the counts*, how far they go: here the position in a stream, elsewhere the name of a batch (lesson 10 calls it an inbox).
# A flush that finds its batch already written only tidies up.
# (It needs to be alone: two flushes at once would both read the same mark. The advisory lock of lesson 04 does that.)
#
# And between two flushes the views are in Redis alone.
# Without an append-only file a crash of the server loses everything since the last snapshot, with `appendfsync everysec` about a second, and a failover what was not yet replicated.
#
# **In production.** Say how many may be lost, as a number, to whoever owns the number; if the answer is none, it is no case for write-behind.

# %% [markdown]
# ## HTTP caching
#
# Between your application and its readers are caches that are not yours: browsers, proxies, a content delivery network.
# They do what your headers say, to the letter.
#
# **Predict.** An application says `public, max-age=60` about everything.
# Ada reads her account through a shared cache, then Bo reads his; then Eve asks for a lamp in English, and Uwe in German.
# Who is told what?

# %%
from fastapi import FastAPI, Request, Response
from grader.instruments.http_cache import HttpCache

NAMES = {"Bearer 1": "Ada", "Bearer 2": "Bo"}
prices = {7: 19}
everything = {"Cache-Control": "public, max-age=60"}
trusting = FastAPI()


def lamp(request):
    german = request.headers.get("accept-language", "").startswith("de")
    return f"{'Schreibtischlampe' if german else 'Desk lamp'}, {prices[7]}"


@trusting.get("/products/7")
def product(request: Request):
    return Response(lamp(request), headers=everything)


@trusting.get("/account")
def account(request: Request):
    return Response(NAMES[request.headers["authorization"]], headers=everything)

# %%
def through(cache, *requests):
    rows = []
    for who, path, headers, later in requests:
        wires.clock.advance(later)
        got = cache.get(path, **headers)
        rows.append((who, path, got.text, got.by, got.sent))
    return Table(("asks", "for", "is told", "answered by", "bytes from the app"), tuple(rows), len(rows))


ada, bo = {"authorization": "Bearer 1"}, {"authorization": "Bearer 2"}
english, german = {"accept_language": "en"}, {"accept_language": "de"}
through(
    HttpCache(trusting, wires.clock),
    ("Ada", "/account", ada, 0),
    ("Bo", "/account", bo, 0),
    ("Eve, in English", "/products/7", english, 0),
    ("Uwe, in German", "/products/7", german, 0),
)

# %% [markdown]
# Bo is logged in as Ada, as far as he can see.
# A shared cache may not keep what was asked with `Authorization`, unless the answer says `public`, `s-maxage` or `must-revalidate` (RFC 9111, section 3.5): *public* was the mistake.
# For a session in a cookie there is not even that rule.
# And silence is no refusal: an answer without a lifetime may be kept for a time that the cache guesses (section 4.2.2).
#
# **Fix it.** Three questions for each answer: who may keep it (`no-store`, `private`, `public`), for how long without asking (`max-age`, for shared caches `s-maxage`), and what else it depends on (`Vary`).
# And an `ETag`, so that asking again costs no body.

# %%
import hashlib

careful_app = FastAPI()


def names(asked, tag):
    """Whether If-None-Match names the tag: it may be *, or a list, and each tag in it weakened (W/)."""
    return asked.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in asked.split(",")]


@careful_app.get("/products/7")
def careful_product(request: Request):
    body = lamp(request)
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:16]}"'
    headers = {"Cache-Control": "public, max-age=60", "Vary": "Accept-Language", "ETag": tag}
    if names(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers)


@careful_app.get("/account")
def careful_account(request: Request):
    return Response(NAMES[request.headers["authorization"]], headers={"Cache-Control": "no-store"})

# %%
shared = HttpCache(careful_app, wires.clock)
lines = through(
    shared,
    ("Ada", "/account", ada, 0),
    ("Bo", "/account", bo, 0),
    ("Eve, in English", "/products/7", english, 0),
    ("Uwe, in German", "/products/7", german, 0),
    ("Eve, 30 s later", "/products/7", english, 30),
    ("Eve, 60 s later", "/products/7", english, 60),
)
prices[7] = 21
more = through(
    shared,
    ("Eve, 30 s later, at 21", "/products/7", english, 30),
    ("Eve, 60 s later", "/products/7", english, 60),
)
Table(lines.columns, lines.rows + more.rows, len(lines.rows) + len(more.rows))

# %% [markdown]
# After a minute the cache asks with the tag it has, and 304 says "still the same" in no bytes.
# The price changed and Eve was told the old one for the rest of that minute: what is out there cannot be called back, so a `max-age` is a promise.
# `no-cache` does not forbid keeping; it means *ask every time*, which with an ETag is cheap.
#
# A **content delivery network** is a shared cache in many places, with a button.
# Assets carry a hash in their name and live for ever (`max-age=31536000, immutable`); pages get a short `s-maxage` and `stale-while-revalidate` (RFC 5861, the early refresh of this lesson); and what must change at once is purged by a tag.
# What the key of an entry contains decides its hit rate: `Vary: Accept-Language` keeps one copy for every spelling of that header that browsers send, so the network reduces it to the languages there are; `Vary: Cookie` keeps one for each reader, which saves nothing.
# Keep the page for all, and fetch the personal part apart.
#
# **In production.** Ask for every route with two users through one cache, as above; it is a test of ten lines.

# %% [markdown]
# ## When to use a library
#
# Most of this exists.
# `cashews` has lifetimes, claims, early refresh, tags and fallback as decorators; `dogpile.cache` is its elder for synchronous code.
#
# **Predict.** Two processes with 25 callers each (here two caches in one process) ask for one page at the same moment.
# How often is it computed with nothing but a lifetime?

# %%
import asyncio

from cashews import Cache, register_backend
from cashews.backends.redis import Redis
from cashews.picklers import PicklerType

register_backend("unix", Redis, pass_uri=True, pickler=PicklerType.DEFAULT)  # our server's socket

# %%
async def two_processes(**options):
    computed = 0

    async def compute(product):
        nonlocal computed
        computed += 1
        await asyncio.sleep(0.3)
        return {"id": product}

    caches = [Cache(), Cache()]
    for cache in caches:
        cache.setup(wires.url.partition("?")[0], socket_timeout=20)
    pages = [cache(ttl="10m", key="page:{product}", **options)(compute) for cache in caches]
    await asyncio.gather(*(page(7) for page in pages for _ in range(25)))
    for cache in caches:
        await cache.close()
    return computed

# %%
for options in ({}, {"lock": True}):
    wires.empty()
    computed = await two_processes(**options)
    print(f"{options or 'a lifetime only'}: 50 callers, {computed} computed")

# %% [markdown]
# Within a process its callers share one computation anyway; `lock=True` adds the claim in Redis.
# Read what it does where *this* lesson had trouble: what its lock's expiry is, whether a failing Redis reaches the caller (`suppress`), and how a delete meets a late fill, which is left to you as in most libraries.
#
# Take a library for lifetimes, claims, keys and codecs, which are tedious and solved.
# Write your own few lines where a race with your database decides whether customers see the truth.

# %% [markdown]
# ## When not to cache
#
# - Where the query is merely missing its index (lesson 02): the first reader still waits, and now there are two things to get wrong.
# - Where an old value does harm: a balance, stock at the moment of sale, permissions. Cache what is *shown*, and decide on the row.
# - Where every reader asks for something else, or writes are as many as reads: measure the hit rate first, with a counter and no cache.
# - Where it hides the load until it fails: if the database cannot live without the cache, you have two systems to keep up.
#
# Before you do: can the work be done once, at the write (a column, a row of totals, a counter)?
# That is a cache as well, but with one transaction around both copies, and none of the races above.

# %%
wires.close()
db.drop()

# %% [markdown]
# ## Key points
#
# - The database feels the misses: count statements with and without, and know the load without the cache before Redis shows it to you.
# - Delete after the commit, never inside; the late fill that remains is stopped by a marker or a version, and the crash between both servers by the lifetime.
# - What is filled together runs out together: spread lifetimes, let one compute, and renew what is popular before it is gone.
# - Absences, evictions and failures are part of the design: keep absences briefly, choose the policy by your own trace, answer without Redis within one short timeout.
# - Headers are instructions to strangers: say who may keep an answer, how long, and what it depends on; and where an old value does harm, do not cache.
#
# Sources: Nishtala and others, "Scaling Memcache at Facebook" (NSDI 2013); Vattani and others (VLDB 2015); RFC 9111, RFC 5861; Redis documentation, "Key eviction" and "Client-side caching"; L. A. Belady, "A study of replacement algorithms for a virtual-storage computer" (1966).
#
# Now the lab: [labs/11-caching](../labs/11-caching/11-caching.ipynb).
