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
# - What must be remembered stands in the tables. Between two tries the judge puts the tables back to their first rows, also under a process that goes on: what you keep in variables would outlive them.
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
# - A message that changes nothing is no error: every call returns, however many others come in between.
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

# %% [markdown]
# ## 2. An event, handled once (`handle_event`)
#
# A broker delivers events **at least once**: it repeats each until your function returns, and sometimes after that; some overtake others, and two processes may be given the same one at the same moment.
#
# ```sql
# CREATE TABLE balances (customer_id bigint PRIMARY KEY, points int NOT NULL);
# CREATE TABLE inbox (event_id text PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
# ```
#
# `handle_event(conn, event)` handles one event, a dict like `{"id": "evt_4711", "customer_id": 17, "points": 25, "created": "2030-01-01T12:00:00+00:00"}`.
#
# - It adds `points` (possibly negative) to the customer's balance; a customer without a row gets one.
# - Each event has its effect **once**, however often it comes, in whatever order, to however many processes at once.
# - Events are told apart by `id` alone: two events may say the same otherwise.
# - An event that was handled before is no error: the call returns. A call that raises is delivered again.
# - Cut short anywhere, all of its effect is there or none, and delivering it again makes it right, also over another connection.
# - Events of different customers never wait for each other.
#
# `inbox` is there for you to use; nobody looks into it. What your process remembers in memory does not survive it.
#
# Example: 100 points, then `evt_1` (+25), `evt_2` (-5) and `evt_1` again leave 120.

# %% answer="handle_event"
def handle_event(conn: psycopg.Connection, event: dict) -> None:
    """Books the event's points on its customer's balance, once for each event id; commits."""
    ### BEGIN SOLUTION
    # Memory and effect share one transaction, so no crash comes between, and the unique key makes a second handler wait
    # for the outcome of the first. Booking first and letting the key refuse works too; a ledger with the event id can replace the inbox.
    with conn.transaction():
        fresh = conn.execute(
            "INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
            [event["id"]],
        ).fetchone()
        if fresh is None:
            return
        conn.execute(
            "INSERT INTO balances AS had (customer_id, points) VALUES (%s, %s) "
            "ON CONFLICT (customer_id) DO UPDATE SET points = had.points + excluded.points",
            [event["customer_id"], event["points"]],
        )
    ### END SOLUTION


# %% check="handle_event"

# %% [markdown]
# ## 3. Charged, or not? (`charge`)
#
# Money moves at a payment provider, and its reply may never come.
#
# ```sql
# CREATE TABLE orders (
#     id        bigint PRIMARY KEY,
#     amount    int NOT NULL,                       -- cents
#     status    text NOT NULL DEFAULT 'pending',    -- later 'paid' or 'declined'
#     charge_id text
# );
# CREATE TABLE attempts (order_id bigint PRIMARY KEY, key text NOT NULL, made_at timestamptz NOT NULL DEFAULT now());
# ```
#
# `provider` offers:
#
# ```python
# provider.charge(amount=1250, reference="order-7", idempotency_key="...")   # takes money -> {"id": "ch_1", "amount", "reference", "status", ...}
# provider.find("order-7")     # all charges with this reference, oldest first: [{"id": "ch_1", "status": "succeeded", ...}]
# provider.get("ch_1")         # one charge
# ```
#
# | raises | means |
# |---|---|
# | `ProviderRefused` | the card was declined, no money was taken |
# | `ProviderTimeout` | no reply: money was taken, or not |
# | `ProviderUnavailable` | a 5xx or an unreadable reply: money was taken, or not |
#
# A charge is one that took money: its `status` is `succeeded`, or `refunded` once it was given back. What was declined is no charge, and `find` does not show it.
#
# Two things to know about it: the same `idempotency_key` is recognised for **24 hours** and then forgotten; a new charge shows in `find` only after up to **a minute**, and then for ever.
# It counts by its own clock: how old a key or a charge is cannot be told from the database's `now()` or from the time of your machine.
#
# `charge(conn, provider, order_id)` makes sure the order is paid, and returns the charge's id.
#
# - It takes the order's `amount` with the reference `order-<id>`, and leaves the order `paid` with its `charge_id`, committed.
# - An order that is `paid` is not charged again; its charge id is returned.
# - A declined card makes the order `declined` and raises `PaymentDeclined`; every later call for it raises the same and charges nothing. An unknown order raises `UnknownOrder`. Errors of your own are as good.
# - When the provider does not answer it may raise (`PaymentUnknown`, say) or ask again itself. Whoever called calls again, at once or two days later, and that ends in **exactly one charge**, and the order `paid` with it. Charging twice and giving one back is not that.
# - The same when the process dies, or loses its connection, before or after any statement or request; and when two processes charge the same order at the same moment (one of them may raise if a further call then succeeds).
# - Charges of different orders never wait for each other.
#
# `attempts` is there for you if you want it; nobody looks into it.

# %% answer="charge"
def charge(conn: psycopg.Connection, provider, order_id: int) -> str:
    """Charges the order once, records it, commits, and returns the charge's id (text).

    Raises UnknownOrder, PaymentDeclined (final), or PaymentUnknown (call again).
    """
    ### BEGIN SOLUTION
    # Old charges are found by their reference, new ones are recognised by a key that is the same in every call: each
    # covers the time in which the other is blind. A random key does as well if it is committed before the provider hears it.
    order = conn.execute("SELECT amount, status, charge_id FROM orders WHERE id = %s", [order_id]).fetchone()
    conn.rollback()  # nothing is held while the provider takes its time
    if order is None:
        raise UnknownOrder(f"there is no order {order_id}")
    amount, status, known_charge = order
    if status == "paid":
        return known_charge
    if status == "declined":
        raise PaymentDeclined(f"order {order_id} was declined")
    name = f"order-{order_id}"
    try:
        earlier = provider.find(name)
        if earlier:
            outcome = ("paid", earlier[0]["id"])
        else:
            outcome = ("paid", provider.charge(amount=amount, reference=name, idempotency_key=name)["id"])
    except ProviderRefused:
        outcome = ("declined", None)
    except ProviderError as trouble:
        raise PaymentUnknown(f"order {order_id}: ask again") from trouble
    with conn.transaction():
        conn.execute("UPDATE orders SET (status, charge_id) = (%s, %s) WHERE id = %s", [*outcome, order_id])
    if outcome[0] == "declined":
        raise PaymentDeclined(f"order {order_id} was declined")
    return outcome[1]
    ### END SOLUTION


# %% check="charge"

# %% [markdown]
# ## 4. Trying again (`call_with_retry`)
#
# `call_with_retry(request, policy, clock, random)` sends `request` until there is an outcome worth having, and returns the response.
#
# | | offers |
# |---|---|
# | `request` | `method`, `path`, `headers` (a read-only mapping that finds names in any case: `headers["idempotency-key"]` does as well), `send()`: sends it once and returns a response, or raises `ConnectionError` or `TimeoutError` if there was none |
# | response | `status`, `headers` (the same), `body` |
# | `policy` | `max_attempts` (with the first), `base`, `cap`, `deadline` (seconds), `budget` |
# | `policy.budget` | `spend()`: takes one of the retries that all callers share; `False` if none is left |
# | `clock` | `monotonic()` and `time()` (seconds), `now()` (aware `datetime`), `sleep(seconds)`; time only passes while you sleep or send |
# | `random` | a `random.Random` |
#
# - Worth another attempt: `ConnectionError`, `TimeoutError`, and the statuses 429, 500, 502, 503, 504. Any other response is returned at once; any other exception leaves the function.
# - `POST` and `PATCH` are repeated only if the request carries an `Idempotency-Key`; otherwise the first outcome is the last, whatever it is. The other methods may be repeated. The request is sent as it is: do not invent a key. No key is empty.
# - Before attempt *n* + 1 (*n* from 1) it sleeps for a time drawn evenly from 0 to the smaller of `cap` and `base` · 2^(*n*-1), with numbers from `random`.
# - If the response had a `Retry-After` (whole seconds, or an HTTP date), it sleeps at least until then, also beyond `cap`, and at most `cap` longer.
# - No attempt starts later than `deadline` seconds after the call began. If the wait would end after that, it gives up at once instead of waiting.
# - Each retry is paid for with one `budget.spend()`; with `False` there is no retry. First attempts are free, and so is giving up.
# - Giving up means: without another wait the last response is returned, or, if the last attempt had none, its exception is raised.

# %% answer="call_with_retry"
def call_with_retry(request, policy, clock, random):
    """Sends `request`, again where that is allowed and worth it; returns the last response or raises its last error."""
    ### BEGIN SOLUTION
    # Whether to go on is decided before the wait, from the cheapest question to the one that costs a token; drawing the
    # whole wait at random spreads callers that failed together. A library (stamina, tenacity) does the loop; the questions stay yours.
    begun = clock.monotonic()
    repeatable = request.method.upper() not in ("POST", "PATCH") or "Idempotency-Key" in request.headers
    for number in range(1, policy.max_attempts + 1):
        response, failure, told = None, None, 0.0
        try:
            response = request.send()
        except (ConnectionError, TimeoutError) as lost:
            failure = lost
        if response is not None:
            if response.status not in (429, 500, 502, 503, 504):
                return response
            header = response.headers.get("Retry-After", "0").strip()
            if header.isdigit():
                told = float(header)
            else:
                told = (parsedate_to_datetime(header) - clock.now()).total_seconds()
        wait = max(told, random.uniform(0, min(policy.cap, policy.base * 2 ** (number - 1))))
        in_time = clock.monotonic() - begun + wait <= policy.deadline
        if repeatable and number < policy.max_attempts and in_time and policy.budget.spend():
            clock.sleep(wait)
            continue
        if failure is not None:
            raise failure
        return response
    ### END SOLUTION


# %% check="call_with_retry"

# %% [markdown]
# ## 5. A payment that can be repeated (`payments`)
#
# Write the app that takes payments: `app`, with `POST /v1/payments`.
#
# ```
# POST /v1/payments
# X-Client: shop-a                 which client it is; set by the gateway, trust it
# Idempotency-Key: 4f7c...         chosen by the client
# {"order_id": 7, "amount": 1250}  cents
#
# 201 {"charge_id": "ch_1", ...}   what else is in the reply is up to you
# ```
#
# ```sql
# CREATE TABLE ledger (
#     id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
#     client    text NOT NULL,
#     order_id  bigint NOT NULL,
#     amount    int NOT NULL,
#     charge_id text NOT NULL
# );
# CREATE TABLE idempotency_keys (   -- for your use; nobody looks into it
#     client     text NOT NULL,
#     key        text NOT NULL,
#     request    text NOT NULL,
#     status     int,
#     reply      text,
#     locked_at  timestamptz,
#     created_at timestamptz NOT NULL,
#     PRIMARY KEY (client, key)
# );
# ```
#
# When the app is started, after the cell has run, these names are bound in its module: `DATABASE_URL` (text, for `psycopg.connect`; also in `os.environ`), `provider` (as in exercise 3: it remembers keys for 24 hours; no card is declined here) and `clock` (`now()`: an aware `datetime`; `time()`, `sleep(seconds)`). The clock of the machine and `now()` of the server tell another time. `psycopg_pool` is not installed.
#
# - A payment takes `amount` under the reference `order-<order_id>` (`provider.charge(amount=..., reference=..., idempotency_key=...)`), adds one row to `ledger`, and is answered 201 with a JSON object that has the `charge_id`.
# - The same client, key and body within 24 hours: the same reply, status and bytes, and nothing is charged. The body is the same if it says the same: the order of its fields does not matter.
# - The same client and key with another body: 422, and nothing is charged, also if the first request failed. No key: 400 or 422.
# - While the first request is under way the second is answered 409, or waits and gets the same reply.
# - Keys belong to their client: two clients may use the same one.
# - A failure of the provider is answered 5xx and not kept: the client repeats the request under the same key and pays **once**, whether or not the provider had taken the money.
# - 24 hours after its first use a key is as new: a request with it, the same or another, is a new payment with a charge and a row of its own, and can be repeated in its turn. Where the first request failed and a later one was paid, the 24 hours may count from either.
# - Any number of processes run the app. One may wait up to five minutes for the provider, or die, or lose a connection, before or after any statement or request. A client repeats its request a minute (of `clock`) later, up to four times, and ends with 201, one charge and one row.

# %% answer="payments"
app = FastAPI()


@app.post("/v1/payments", status_code=201)
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    """Takes a payment once for each client and key. 201, 409 (under way), 422 (key used for another body), 503."""
    ### BEGIN SOLUTION
    # The insert lets one request through, the lease frees what the dead left behind, and a provider key made from the
    # claim makes the charge repeatable; ledger and reply share a transaction. Holding the row's lock meanwhile needs no lease, but a connection for each waiting client.
    said = json.dumps(body, sort_keys=True)
    now = clock.now()
    its = {"client": x_client, "key": idempotency_key, "said": said, "now": now}
    its |= {"expired": now - timedelta(hours=24), "abandoned": now - timedelta(seconds=45)}
    with psycopg.connect(DATABASE_URL, autocommit=True) as conn:
        claim = conn.execute(
            """
            INSERT INTO idempotency_keys AS had (client, key, request, locked_at, created_at)
            VALUES (%(client)s, %(key)s, %(said)s, %(now)s, %(now)s)
            ON CONFLICT (client, key) DO UPDATE
               SET request = %(said)s, status = NULL, reply = NULL, locked_at = %(now)s,
                   created_at = CASE WHEN had.created_at <= %(expired)s THEN %(now)s ELSE had.created_at END
             WHERE had.created_at <= %(expired)s
                OR (had.status IS NULL AND had.request = %(said)s AND had.locked_at < %(abandoned)s)
            RETURNING created_at
            """,
            its,
        ).fetchone()
        if claim is None:
            request, status, reply = conn.execute(
                "SELECT request, status, reply FROM idempotency_keys WHERE client = %(client)s AND key = %(key)s", its
            ).fetchone()
            if request != said:
                raise HTTPException(422, "This key was used for another request.")
            if status is None:
                raise HTTPException(409, "The first request with this key is under way.")
            return Response(reply, status, media_type="application/json")
        name = hashlib.sha256(json.dumps([x_client, idempotency_key, claim[0].timestamp()]).encode()).hexdigest()
        try:
            charge = provider.charge(
                amount=body["amount"], reference=f"order-{body['order_id']}", idempotency_key=name
            )
        except ProviderError:
            conn.execute(
                "UPDATE idempotency_keys SET locked_at = 'epoch' WHERE client = %(client)s AND key = %(key)s", its
            )
            raise HTTPException(503, "The payment provider does not answer; repeat the request.") from None
        reply = json.dumps({"charge_id": charge["id"], "order_id": body["order_id"], "amount": body["amount"]})
        with conn.transaction():
            finished = conn.execute(
                "UPDATE idempotency_keys SET status = 201, reply = %(reply)s "
                "WHERE client = %(client)s AND key = %(key)s AND status IS NULL",
                {**its, "reply": reply},
            ).rowcount
            if finished:  # somebody slower than the lease may have done it
                conn.execute(
                    "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
                    [x_client, body["order_id"], body["amount"], charge["id"]],
                )
        return Response(reply, 201, media_type="application/json")
    ### END SOLUTION


# %% check="payments"

# %% [markdown]
# ## 6. An order and its event (`place_order`)
#
# Others must hear of every order, through a broker that has no part in your transactions.
#
# ```sql
# CREATE TABLE orders (
#     id          bigint PRIMARY KEY,
#     customer_id bigint NOT NULL,
#     total       int NOT NULL CHECK (total > 0)    -- cents
# );
# CREATE TABLE outbox (            -- for your use; nobody looks into it
#     id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
#     topic        text NOT NULL,
#     key          text NOT NULL,
#     value        jsonb NOT NULL,
#     published_at timestamptz
# );
# ```
#
# `place_order(conn, order)` stores an order, a dict like `{"id": 7, "customer_id": 3, "total": 1250}`. It does not talk to the broker.
#
# `relay(conn, broker)` is called again and again, by one process or several, and publishes what is not published yet, with
#
# ```python
# broker.publish("orders", "3", {"order_id": 7, "customer_id": 3, "total": 1250})   # topic, the customer's id as text, value
# ```
#
# which returns when the broker has the message, and raises `BrokerUnavailable` when it did not confirm: it may have it or not.
#
# - Every order that exists has its event published sooner or later; no event is published for an order that does not exist. An order the table refuses is refused: `place_order` raises, whatever the exception.
# - The events of one customer are published in the order in which the orders were placed (one call after the other; the ids of orders say nothing about it). A repetition of an earlier event does not count against it.
# - Undisturbed, each event is published once, also when two relays run at once, and a further run publishes nothing. After a failure an event may come again: better twice than never.
# - When the broker fails the relay may raise or return. It is called again at once, also after it was cut short, and each run publishes everything that waits.
# - All this holds when either function is killed, or loses its connection, before or after any statement or publication; when orders are placed while the relay runs; and when two relays run at once (one may leave it to the other).
# - Placing orders for different customers never makes one wait for the other.

# %% answer="place_order"
def place_order(conn: psycopg.Connection, order: dict) -> None:
    """Stores the order, and that its event is to be published; commits. Raises if the order is refused."""
    ### BEGIN SOLUTION
    # One commit decides about both rows, so an event exists exactly if its order does; sending it is left to the relay.
    # Reading the server's own log (logical decoding, Debezium) replaces the table, at the price of running that too.
    with conn.transaction():
        conn.execute("INSERT INTO orders (id, customer_id, total) VALUES (%(id)s, %(customer_id)s, %(total)s)", order)
        told = {"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]}
        conn.execute(
            "INSERT INTO outbox (topic, key, value) VALUES (%s, %s, %s)",
            ["orders", str(order["customer_id"]), Jsonb(told)],
        )
    ### END SOLUTION


def relay(conn: psycopg.Connection, broker) -> None:
    """Publishes the events not yet published, oldest first, and remembers which the broker has confirmed."""
    ### BEGIN SOLUTION
    # Marked after the confirmation, an event can come twice and cannot get lost; the lock lets one relay work at a time,
    # because two that share the rows overtake each other. More relays are possible if each takes whole customers.
    with conn.transaction():
        if not conn.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('relay', 10))").fetchone()[0]:
            return
        waiting = conn.execute(
            "SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id"
        ).fetchall()
        confirmed = []
        try:
            for number, *message in waiting:
                broker.publish(*message)
                confirmed.append(number)
        except BrokerUnavailable:
            pass  # the next run begins with the message that failed
        conn.execute("UPDATE outbox SET published_at = now() WHERE id = ANY (%s)", [confirmed])
    ### END SOLUTION


# %% check="place_order"

# %% [markdown]
# ## 7. Webhooks (`apply_webhook`)
#
# A payment provider tells what became of each payment by webhooks. They come twice, out of order, at the same moment, and some never come.
#
# ```sql
# CREATE TABLE payments (
#     reference text PRIMARY KEY,
#     status    text NOT NULL,
#     amount    int NOT NULL,       -- cents
#     refunded  int NOT NULL,       -- cents given back so far, in all
#     sequence  int NOT NULL        -- of the event this row shows
# );
# CREATE TABLE webhooks (event_id text PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now());
# ```
#
# `apply_webhook(conn, event)` applies one, a dict like this:
#
# ```python
# {"id": "evt_order-7_5", "type": "charge.refunded", "created": 1893499200, "sequence": 5,
#  "data": {"reference": "order-7", "amount": 5000, "status": "refunded", "refunded": 1250}}
# ```
#
# - `sequence` counts the events of one payment from 1, in the order in which they happened. `created` is in whole seconds, so several events may share it.
# - `data` is the **whole state** of the payment at that point. A status may come back: a dispute (`disputed`) that is won ends in `succeeded` again. The amount may change, for less may be taken than was agreed to, and what was given back may fall, for a refund can fail.
# - Whatever has arrived, the row of a payment shows the state of the event with the highest `sequence` among them, complete, with that sequence. It does not wait for events that are missing.
# - Duplicates and events that come too late change nothing and are no error.
# - All this holds under concurrent deliveries, and for a delivery that is cut short anywhere and then repeated.
# - Events of different payments never wait for each other.
#
# `webhooks` is there for you if you want it; nobody looks into it.

# %% answer="apply_webhook"
def apply_webhook(conn: psycopg.Connection, event: dict) -> None:
    """Brings the payment's row to the event's state if that is newer than what the row shows; commits."""
    ### BEGIN SOLUTION
    # Every event tells the whole state, so the newest one is enough: gaps need no waiting and duplicates no inbox.
    # Had the events told only changes, all of them would be needed, and with them an inbox and a way to fetch what is missing.
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO payments AS shown (reference, status, amount, refunded, sequence)
            VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
            ON CONFLICT (reference) DO UPDATE
               SET (status, amount, refunded, sequence)
                 = (excluded.status, excluded.amount, excluded.refunded, excluded.sequence)
             WHERE excluded.sequence > shown.sequence
            """,
            {**event["data"], "sequence": event["sequence"]},
        )
    ### END SOLUTION


# %% check="apply_webhook"
