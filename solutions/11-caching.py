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
# `get_product(conn, redis, product_id)` returns the product with this id: a dict with `id` (an `int`), `name` (a `str`) and `price` (a `Decimal`) of its row in `products`, from the cache as from the database; more columns do no harm, and a row, or an object with these attributes, is as good.
# For an id without product it returns `None` or raises `UnknownProduct`.
#
# - A product that any process has asked for before costs no statement; one that is not in the cache costs exactly one.
# - Every key you leave in Redis runs out by itself, after a day at most, also one that is asked for all the time; then the database is asked again.
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

# %% [markdown]
# ## 2. A new price
#
# `update_price(conn, redis, product_id, price)` writes the new price of a product into `products` and commits; after that nobody may be told the old one.
#
# The shop reads prices with `read_product(conn, redis, product_id)` from the set-up cell (`read_product??` shows it).
# It keeps an entry under `entry_key(product_id)`, that is `product:<id>`, as `encode_entry(product_id, name, price)` writes it.
# A reader that misses puts a marker there, asks the database, and fills only if its marker still stands.
# If your cell defines a `get_product(conn, redis, product_id)` of its own, the shop reads with that one instead, and keys and format are yours.
#
# - Once all calls are done, a reader is told the price of the row: however the steps of readers and writers, in PostgreSQL **and** Redis, came between each other, also where one of them was held up for a minute between two steps, and also when two writers change the same product.
# - Every reader is answered meanwhile, with a price that was or is committed.
# - The database may refuse a price, as late as at the commit (a deferred constraint does). The caller gets the error, nothing has changed, and the entry is still there and right: the next reader needs no statement.
# - For an id without product it raises `UnknownProduct`.
# - Entries of other products and keys that are not yours stay.
# - A crash between commit and Redis is not looked at here: that is what the lifetime of entries is for.
#
# Example: with 10.00 cached, after `update_price(conn, redis, 7, Decimal("12.50"))` the next `read_product` returns 12.50.

# %% answer="update_price"
def update_price(conn: psycopg.Connection, redis, product_id: int, price: Decimal) -> None:
    """Sets the price of a product and commits. Errors of the database go to the caller.

    Raises UnknownProduct where there is no such row.
    """
    ### BEGIN SOLUTION
    # Before the commit every reader still finds the old row, so the entry is removed only after it; a reader that had
    # asked before finds its marker gone and does not fill, and a refused commit never gets as far as Redis.
    # Writing the new entry instead saves a miss but needs an order among writers: a version compared in a script.
    with conn.transaction():
        changed = conn.execute("UPDATE products SET price = %s WHERE id = %s", [price, product_id]).rowcount
        if not changed:
            raise UnknownProduct(f"there is no product {product_id}")
    redis.delete(entry_key(product_id))
    ### END SOLUTION


# %% check="update_price"

# %% [markdown]
# ## 3. Fifty who miss at once
#
# `get_or_compute(redis, key, compute, ttl=60, lease=10)` returns the value cached under `key`, and otherwise what `compute()` returns.
# `compute` takes no arguments and returns text, which may be empty; it may be slow, and it is what must not be done twice.
#
# - What was computed is found by every process for `ttl` seconds, and then it is computed anew. Keys that you make besides `key` have an expiry too.
# - However many callers miss at the same moment, in several processes, `compute` runs once, and all of them get its value; also who had missed, and is held up until another one has computed.
# - Whoever waits, waits as long as the computation takes and the claim of whoever computes lasts.
# - A process that is killed, while it computes or between any two of its commands, holds the others up for `lease` seconds (60 at most), not longer: then one of them computes, unless the value is there.
# - If a computation takes longer than the lease, somebody else may take over. Whoever overslept then returns its value, but does not free the claim of the other.
#
# Example: of fifty calls for `"report:today"` on an empty cache one calls `compute()`, and fifty return the same text.

# %% answer="get_or_compute"
def get_or_compute(redis, key: str, compute, ttl: int = 60, lease: int = 10) -> str:
    """The value under `key`, computed by one caller at most if it is not there; ttl and lease in seconds."""
    ### BEGIN SOLUTION
    # One caller gets the claim, which carries a token and runs out by itself; whoever has it looks once more before
    # computing, and gives it back only where the token is still its own. The others sleep a little and look again.
    # Blocking on a list wakes them sooner for one more key; early refresh lets nobody wait, and shows old values.
    claim, token = f"{key}:claim", uuid.uuid4().hex
    give_back = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
    while True:
        cached = redis.get(key)
        if cached is not None:
            return cached.decode()
        if redis.set(claim, token, nx=True, ex=lease):
            try:
                cached = redis.get(key)
                if cached is not None:
                    return cached.decode()
                value = compute()
                redis.set(key, value, ex=ttl)
                return value
            finally:
                redis.eval(give_back, 1, claim, token)
        time.sleep(0.05)
    ### END SOLUTION


# %% check="get_or_compute"

# %% [markdown]
# ## 4. What is not there
#
# `find_product(conn, redis, product_id)` returns the product as in exercise 1, and for an id without product `None`, or it raises `UnknownProduct`.
#
# - A product that any process has asked for before costs no statement.
# - Neither does an id that does not exist: however often and by however many processes it is asked for, it costs one query at most, until it is forgotten.
# - It is forgotten after five minutes at most, and by itself, also while other unknown ids are asked for: a robot that tries one id after the other leaves no more in Redis than what it tried in the last five minutes, and every key has an expiry.
# - A product that is inserted later is therefore found within five minutes, however often it is asked for meanwhile.
#
# Example: four calls for product 9999999, from two processes, cost one SELECT together, and nobody sees a product.

# %% answer="find_product"
def find_product(conn: psycopg.Connection, redis, product_id: int) -> dict | None:
    """The product as {"id": int, "name": str, "price": Decimal}; None if there is none."""
    ### BEGIN SOLUTION
    # That there is nothing is an answer and is kept like one, as a value that no product has, but for a minute only:
    # the shorter it lives, the sooner an insert shows, and the less a robot leaves behind.
    # A Bloom filter of all ids needs no entry for what is absent, but has to hear of every insert.
    key = f"found:v1:{product_id}"
    cached = redis.get(key)
    if cached is not None:
        product = json.loads(cached)
        return product and {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        redis.set(key, "null", ex=60)
        return None
    entry = {"id": row[0], "name": row[1], "price": str(row[2])}
    redis.set(key, json.dumps(entry), ex=600 + random.randrange(120))
    return {**entry, "price": row[2]}
    ### END SOLUTION


# %% check="find_product"

# %% [markdown]
# ## 5. When Redis is not well
#
# `get_with_fallback(conn, redis, product_id)` returns the product as in exercise 1 (ids are of products that exist), whatever state Redis is in.
# In this exercise the database is always well.
#
# - As long as all is well the second call for a product costs no statement.
# - While Redis is down every call gets the product with one statement.
# - Any single command to Redis may fail: answered with an error (`LOADING`, `OOM`), never arrived, arrived with its reply lost, or answered with garbage. The caller gets the product with one statement at most, and no key stays in Redis without an expiry.
# - While Redis hangs, taking commands and answering none, the client gives up on each command after its timeout, a tenth of a second. Of the caller's time only one such timeout may be spent in a call, whatever fails.
# - A minute after Redis is well again, by `time.monotonic()` or `time.time()`, products are cached again.
#
# Example: with Redis down, `get_with_fallback(conn, redis, 7)` returns product 7 and raises nothing.

# %% answer="get_with_fallback"
def get_with_fallback(conn: psycopg.Connection, redis, product_id: int) -> dict | None:
    """The product as {"id": int, "name": str, "price": Decimal}, from Redis if it is well, else from the database."""
    ### BEGIN SOLUTION
    # To the caller an error of the cache is a miss, and a product that could not be stored is no trouble at all;
    # whoever could not read does not try to store, so that a call waits for a hanging server once.
    # A circuit breaker spares even that one wait while Redis is down, and has to be told when to try again.
    key, well = f"fallback:v1:{product_id}", True
    try:
        cached = redis.get(key)
        if cached is not None:
            product = json.loads(cached)
            return {**product, "price": Decimal(product["price"])}
    except RedisError:
        well = False
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        return None
    entry = {"id": row[0], "name": row[1], "price": str(row[2])}
    if well:
        try:
            redis.set(key, json.dumps(entry), ex=600 + random.randrange(120))
        except RedisError:
            pass
    return {**entry, "price": row[2]}
    ### END SOLUTION


# %% check="get_with_fallback"

# %% [markdown]
# ## 6. Caches that are not yours
#
# `catalog(load_product, load_customer)` returns a FastAPI application (any ASGI application will do) with two routes, to be served behind caches that many customers share.
#
# - `GET /products/{product_id}`: what `load_product(product_id, language)` returns, as JSON: `{"id": 7, "name": "Desk lamp", "price": "19.90"}`; the price is text there already. The name depends on the language: `"de"` if the request's `Accept-Language` begins with it, as `de-AT,de;q=0.9` does, and `"en"` otherwise, also for `en,de;q=0.5`, for French and without the header. 404 where it returns `None`.
# - `GET /account`: what `load_customer(token)` returns for the token of `Authorization: Bearer TOKEN`, as JSON: `{"name": "Ada", "email": "ada@shop.test"}`. 401 where it returns `None`, or without a token.
#
# What must hold:
#
# - A product has an `ETag` that stays the same as long as the reply does. `If-None-Match` with this tag, alone, in a list or weakened with `W/`, is answered 304 without a body, with the same `ETag`, `Cache-Control` and `Vary`.
# - After a change of the price, and for the other language, such a request is answered 200 with what is right now.
# - A shared cache may serve a product for 10 seconds to an hour without asking.
# - Everybody gets their own language from such a cache, and nobody another's account or another's refusal; nothing about a customer is ever stored in it, not even to be asked about before it is served.
#
# The judge asks through a cache that stores whatever your headers allow it to store (RFC 9111, sections 3 and 3.5), and serves it to whoever asks the same.

# %% answer="catalog"
def catalog(load_product, load_customer) -> FastAPI:
    """An application with /products/{product_id} and /account."""
    ### BEGIN SOLUTION
    # The tag is a hash of the very bytes sent, so another price or language is another tag; Vary names the one header
    # that was looked at, and the lifetime says how long nobody has to ask at all. What is about a customer is not stored.
    # A version column makes cheaper tags, which need no body first, and must then name the language as well.
    app = FastAPI()

    @app.get("/products/{product_id}")
    def product(product_id: int, request: Request) -> Response:
        german = request.headers.get("accept-language", "").lower().startswith("de")
        found = load_product(product_id, "de" if german else "en")
        if found is None:
            raise HTTPException(404, "no such product", headers={"Cache-Control": "no-store"})
        body = json.dumps(found).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        headers = {"ETag": tag, "Cache-Control": "public, max-age=60", "Vary": "Accept-Language"}
        asked = [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]
        if tag in asked or "*" in asked:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    @app.get("/account")
    def account(request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        customer = load_customer(token)
        if customer is None:
            raise HTTPException(401, "who are you?", headers={"Cache-Control": "no-store"})
        return JSONResponse(customer, headers={"Cache-Control": "no-store"})

    return app
    ### END SOLUTION


# %% check="catalog"

# %% [markdown]
# ## 7. What to keep when it does not all fit
#
# The cache of product pages holds a tenth of the catalogue: Redis has a `maxmemory`, and what happens at the limit is its `maxmemory-policy`.
# Bind `choose_policy` to a dict with a policy's name and one lifetime in seconds for all entries, such as `{"policy": "noeviction", "ttl": 60}`.
#
# - The server always finds room for a new entry.
# - No customer sees a product as it was more than an hour ago.
# - At least 28 % of the views are hits, on a trace of the same shop that is not yours to see.
#
# `visits(seed)` makes a trace of four hours like that one, customers and a crawler; `replay` plays it on a real server with a limit, and says how many views were hits.
# Try what you like in this cell:

# %%
from grader import services
from grader.instruments.eviction import replay
from grader.shop.visits import visits

with services.throwaway_redis() as server:
    print(f"{replay(server.url, visits(1), 'volatile-ttl', ttl=120).hit_rate:.1%}")

# %% answer="choose_policy"
### BEGIN SOLUTION
choose_policy = {"policy": "allkeys-lfu", "ttl": 3600}
# The crawler uses everything once, so what was used last says little and what is used often says much; entries live as
# long as they may, and the policy decides which of them are worth their place. volatile-lfu does the same here, where
# every entry has a lifetime, and keeps keys without one for ever.
### END SOLUTION

# %% check="choose_policy"

# %% [markdown]
# ## 8. Views, written behind
#
# Every view of a product is to be counted, and the database has better things to do than one UPDATE a view.
# `record_view(redis, product_id, customer_id)` gathers a view in Redis.
# `flush_views(conn, redis)` brings everything gathered so far into `product_views (product_id bigint PRIMARY KEY, views bigint, last_customer bigint)`, which is empty at first, and commits; afterwards it is gone from what is gathered.
#
# - Views may be recorded by several processes, also at the same moment; a flush runs in one process at a time, not always the same.
# - 120 views of 5 products reach the database in at most 40 statements.
# - A view that is recorded while a flush is under way is counted once, by this flush or by the next.
# - If a process is killed while it records a view, this one is there as a whole or not at all.
# - `last_customer` is the customer of the last view recorded for the product.
# - Bind `MAX_LOSS` to the number of views, 20 at most, that may be lost or counted twice when a process is killed, wherever it is killed; without it, 0 is taken. After a flush was killed another process flushes, two minutes later and once more.
# - You may create tables of your own; the check empties them between its runs.
#
# Example: three views of product 7, by customers 1, 5 and 2, become the row `(7, 3, 2)`.

# %% answer="record_view"
### BEGIN SOLUTION
# What was gathered is taken aside in one step together with a new name for the batch, and the names of batches that
# are written stand in the database: committed with the counts, they tell a batch that was written from one that was not.
# Popping small batches needs neither, and loses one of them when it is killed at the wrong moment.
MAX_LOSS = 0
TAKE_ASIDE = """
if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('RENAME', KEYS[1], KEYS[2])
    redis.call('LPUSH', KEYS[2], ARGV[1])
end
return redis.call('LRANGE', KEYS[2], 0, -1)
"""
ADD = """
INSERT INTO product_views AS old (product_id, views, last_customer)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (product_id) DO UPDATE
   SET views = old.views + excluded.views, last_customer = excluded.last_customer
"""


### END SOLUTION
def record_view(redis, product_id: int, customer_id: int) -> None:
    """Gathers one view in Redis."""
    ### BEGIN SOLUTION
    redis.rpush("views", f"{product_id} {customer_id}")
    ### END SOLUTION


def flush_views(conn: psycopg.Connection, redis) -> None:
    """Writes what has been gathered into product_views and commits."""
    ### BEGIN SOLUTION
    conn.execute("CREATE TABLE IF NOT EXISTS written_batches (name text PRIMARY KEY)")
    conn.commit()
    while True:
        found = [item.decode() for item in redis.eval(TAKE_ASIDE, 2, "views", "views:aside", uuid.uuid4().hex)]
        if not found:
            return
        batch, totals = found[0], {}
        for product, customer in (map(int, item.split()) for item in found[1:]):
            totals[product] = (totals.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            mark = "INSERT INTO written_batches VALUES (%s) ON CONFLICT DO NOTHING"
            if conn.execute(mark, [batch]).rowcount:
                views, customers = zip(*totals.values(), strict=True)
                conn.execute(ADD, [list(totals), list(views), list(customers)])
        redis.delete("views:aside")
    ### END SOLUTION


# %% check="record_view"

# %% [markdown]
# ## 9. Two levels
#
# `two_level(redis, load)` returns a cache for one process, over the one in Redis that all share: an object with `get(key)` and `changed(key)` (a class of this name will do).
# `load(key)` returns the value from where it really is, as text, and is slow.
# Whoever changes a value there calls `changed(key)` on its own cache right after it.
#
# - What a process was told a moment ago costs it neither a command to Redis nor a load.
# - What any process has loaded costs the others no load, for half a minute at least if this value does not change; others may.
# - The process that called `changed(key)` is told the new value from then on.
# - Every other process is told the new value at the latest five seconds after that, by `time.monotonic()` or `time.time()`. Messages may be lost, so they may help but cannot be all.
# - That holds in every order, also when the change comes between two steps of another process's `get`, or a `get` or a second change between two steps of `changed`. A process has one thread: its own calls come one after the other.
#
# Example: A and B have both asked for `"product:7"`; the value changes, A calls `changed("product:7")`; A is told the new one at once, B within five seconds.

# %% answer="two_level"
class two_level:
    """A cache in this process over one in Redis; load(key) -> text."""

    ### BEGIN SOLUTION
    # A copy in the process cannot be reached, so it holds for three seconds and no longer; what was loaded goes into
    # Redis only if the marker taken before loading still stands there, and a change takes that away with the value.
    # Messages to the other processes make the three seconds shorter nearly always, and replace them never.
    STORE = "if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end"
    NEAR, FAR, LEASE = 3.0, 300, 30  # seconds

    def __init__(self, redis, load) -> None:
        self.redis, self.load = redis, load
        self.near: dict[str, tuple[str, float]] = {}

    def get(self, key: str) -> str:
        value, until = self.near.get(key, ("", 0.0))
        if time.monotonic() < until:
            return value
        until = time.monotonic() + self.NEAR
        found = self.redis.get(key)
        if found is not None:
            value = found.decode()
        else:
            marker = uuid.uuid4().hex
            self.redis.set(f"{key}:loading", marker, ex=self.LEASE)
            value = self.load(key)
            self.redis.eval(self.STORE, 2, key, f"{key}:loading", marker, value, self.FAR)
        self.near[key] = (value, until)
        return value

    def changed(self, key: str) -> None:
        self.redis.delete(key, f"{key}:loading")
        self.near.pop(key, None)
    ### END SOLUTION


# %% check="two_level"

# %% [markdown]
# ## 10. Renewed before it runs out
#
# `early_refresh(redis, key, compute, ttl=60)` returns the value cached under `key`, and otherwise what `compute()` returns (text), as in exercise 3, though of several who miss at once each may compute; but a key that many ask for is renewed while it is still there.
# How long `compute()` takes is known only once it has run, by `time.time()` or `time.monotonic()`.
#
# The judge looks at a computation of half a second and a lifetime of 10 seconds; at others, and at other keys, only to see that they are heeded.
#
# - Two calls right after each other compute once. Ten lifetimes later, when nobody has asked meanwhile, a value is computed anew; every key has an expiry.
# - With a call every 250 milliseconds while the value is young, and every 40 from the middle of its lifetime on, the entry never runs out: it is renewed before, every time.
# - In 40 seconds of that it is computed at most 12 times.
# - When 30 ask in the very same moment, one or two seconds before the end, at most three quarters of them compute, and all are answered.
# - A process that is killed while it renews keeps the others from renewing for one lifetime at most.
#
# Chance is welcome: `random` is seeded, and the bounds leave room for it.

# %% answer="early_refresh"
def early_refresh(redis, key: str, compute, ttl: float = 60) -> str:
    """The value under `key`, renewed with rising probability towards the end of its `ttl` seconds."""
    ### BEGIN SOLUTION
    # Each caller throws a die: minus the logarithm of a random number, times how long it took last time, is how far it
    # looks ahead, so somebody is nearly always early and few are (Vattani and others, 2015); nobody needs a claim.
    # A claim renews exactly once a lifetime, and has to survive whoever took it.
    found = redis.get(key)
    if found is not None:
        entry = json.loads(found)
        ahead = -entry["took"] * math.log(1.0 - random.random())
        if time.time() + ahead < entry["until"]:
            return entry["value"]
    started = time.time()
    value = compute()
    ended = time.time()
    entry = {"value": value, "took": ended - started, "until": ended + ttl}
    redis.set(key, json.dumps(entry), px=int(ttl * 1000))
    return value
    ### END SOLUTION


# %% check="early_refresh"
