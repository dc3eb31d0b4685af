# %% [markdown]
# # Idempotency and retries
#
# *The payment timed out, the code tried again as it should, and the customer was charged twice.
# Which line was wrong?*
#
# After this lesson you can
#
# - say what a caller knows, and does not know, after a timeout;
# - tell whether an operation may be repeated as it is, and make it so where it may not;
# - build an idempotency key that survives two callers at once and a crash at any point;
# - get an effect to happen once although the message, or the event you send, may come twice;
# - decide what is tried again, how often, after what pause, and what never is.
#
# 60 minutes.
# Out of scope: circuit breakers and load shedding (`13-resilience`), job queues themselves (`12-jobs-and-queues`), sagas (`14-consistency`).
#
# Everything below runs: a PostgreSQL database of this lesson's own, and beside it a payment provider, a broker and a queue that speak real HTTP on this machine.
# The last cell takes all of it away; your `shop` is not touched.

# %%
# %load_ext grader
import httpx
import stamina
from stamina.instrumentation import set_on_retry_hooks

from grader.instruments.provider import ProviderError, ProviderTimeout
from grader.notebook.outside import Outside
from grader.notebook.scratch import Scratch
from grader.notebook.tables import Table

db = Scratch("lesson_idempotency", """
    CREATE TABLE shelf (product text PRIMARY KEY, on_hand int, counted_at int);
    CREATE TABLE seen (id text PRIMARY KEY);
    CREATE TABLE keys (key text PRIMARY KEY, reply text);
    CREATE TABLE points (customer int PRIMARY KEY, total int);
    CREATE TABLE orders (id int PRIMARY KEY, total int);
    CREATE TABLE outbox (id int PRIMARY KEY, value int, sent boolean DEFAULT false);
    CREATE TABLE feed (id int GENERATED ALWAYS AS IDENTITY, event text);
    CREATE TABLE payments (reference text PRIMARY KEY, status text, sequence int);
    INSERT INTO shelf VALUES ('lamp', 50, 0);
    INSERT INTO points VALUES (17, 100);
    INSERT INTO payments VALUES ('order-7', 'none', 0);
""")
outside = Outside()
bank = outside.bank

# %% [markdown]
# ## Why every call is sent twice
#
# Somebody repeats it, at every layer.
# A person presses the button again; a browser or a proxy sends a GET again on a connection that broke; an HTTP client retries; a queue delivers again what was not acknowledged; a webhook's sender tries for days; a job runs again after the deployment that killed it; an operator runs the script again because nobody knows how far it got.
#
# Here is the most ordinary of them: a payment, with a library that retries.
# The provider is well; the network loses one reply.
#
# **Predict.** What does the caller see, and what has the customer paid?

# %%
def note(retry):
    print(f"attempt {retry.retry_num}: {type(retry.caused_by).__name__}, so once more")


set_on_retry_hooks([note])
quick = stamina.set_testing(True, attempts=10, cap=True)  # no pauses: nobody has to wait for them


@stamina.retry(on=ProviderTimeout, attempts=3)
def pay(client, order):
    return client.charge(amount=1250, reference=order)["id"]


client = outside.client(bank)
bank.script("cut after")  # the next charge is made, and its reply is lost
print("the caller sees ", pay(client, "order-7"))
print("the customer has paid", bank.charged("order-7"), "cents, in", len(bank.charges), "charges")

# %% [markdown]
# The caller sees a success, the logs show one harmless retry, every test was green, and the customer has paid twice.
# No line is wrong by itself: `charge` may not be repeated, and `pay` repeats it.

# %% [markdown]
# ## The three outcomes of a timeout
#
# A call that is answered has happened or has been refused.
# A call that is not answered has three possible outcomes: the request never arrived; it was carried out and the reply got lost; or it is still on its way, and will be carried out *after* you have given up.
#
# **Predict.** Which of the three can the caller tell apart, by the exception, or by asking the provider at once whether there is a charge?

# %%
from grader.notebook.picture import Picture
from grader.show.exchanges import Unanswered, exchanges_svg, exchanges_text

losses = {"request lost": "cut before", "reply lost": "cut after", "still on its way": "hold"}
hasty = outside.client(bank, timeout=1)  # seconds
outcomes, asked = [], []
for what, fault in losses.items():
    outside.forget()
    bank.script(fault)
    try:
        hasty.charge(amount=1250, reference="order-7")
    except ProviderTimeout as error:
        seen = type(error).__name__
    asked.append((what, seen, len(client.find("order-7"))))
    then = len(bank.charges)
    outside.let_go()  # what is on its way arrives now
    outcomes.append(Unanswered(what, seen, then, len(bank.charges)))

Picture(exchanges_svg(outcomes, "you", "provider", "charge"), exchanges_text(outcomes))

# %%
Table(("", "the caller sees", "charges found when it asks at once"), tuple(asked), 3)

# %% [markdown]
# None by the exception.
# Asking helps in one case: a charge that is found is certain.
# One that is *not* found may never be made, or may be made in a second.
# A timeout therefore does not mean "it failed"; it means "I do not know", and a function that turns it into `False` is lying.
#
# Other errors say more, or less, than one would think.

# %%
faults = {
    "402: declined": "go",
    "503, and nothing was done": "error",
    "500, although it was done": "error after",
    "200 with a proxy's error page": "garbage",
}
rows = []
for what, fault in faults.items():
    outside.forget()
    bank.declined.update({"order-7"} if fault == "go" else ())
    bank.script(fault)
    try:
        client.charge(amount=1250, reference="order-7")
    except ProviderError as error:
        rows.append((what, type(error).__name__, bank.charged("order-7")))
Table(("the provider answers", "the caller sees", "cents taken"), tuple(rows), len(rows))

# %% [markdown]
# A 4xx that decides about the request (402 here; 400, 401, 403, 404, 422) says that it was refused, so it did nothing.
# Two others decide nothing: 409 where it means that the first attempt is still *under way*, and 408, where the server gave up waiting.
# They leave open what becomes of the operation.
# A 5xx is no promise either way, and neither is a reply that cannot be read: they belong with the timeouts.
# On the other side there is one failure that is certain: if the *connection* was refused or could never be made, no request has left the house.
# That is why the only retries built into `httpx` (`HTTPTransport(retries=...)`) are for connecting.
#
# **Fix it.** After "I do not know" there are two ways on.
# *Ask later, and as often as it takes*, which needs a name for the operation that you chose before the first attempt (here `reference`), and an answer to "how late can it still arrive?".
# *Say the same thing again*, which needs an operation that may be repeated: the next two sections.
#
# **In production.** In review, look at every `except Timeout`: does the code behind it believe that nothing happened?
# Store what you are about to do before you do it, so that a later process knows what to ask about.
#
# Sources: RFC 9110, sections 9.2.2 and 15; Waldo et al., "A Note on Distributed Computing" (1994), on partial failure.

# %% [markdown]
# ## Natural idempotency
#
# An operation is idempotent if doing it twice leaves what doing it once leaves: *f(f(x)) = f(x)*.
# It is a property of the effect, not of the reply: the second DELETE may well answer 404.
# HTTP promises it for GET, HEAD, OPTIONS, TRACE, PUT and DELETE, and leaves it out for POST and PATCH (RFC 9110, 9.2.2); whether your handler keeps that promise is up to you.
#
# Much can be made idempotent just by saying it differently: not "three more" but "seventeen now"; not "the next invoice" but "invoice 4711"; not "ship it" but "this order is to be shipped".
#
# Is that enough?
# A warehouse counts its lamps and sends each count as a message; the queue repeats and reorders.
# Below, three counts are delivered twice each, in **every** possible order, to four ways of handling them.
#
# **Predict.** For each way: in how many of the orders does the shelf end up right?

# %%
from grader.notebook.deliveries import every_delivery

ADD = "UPDATE shelf SET on_hand = on_hand + %(change)s"
SET = "UPDATE shelf SET on_hand = %(count)s, counted_at = %(at)s"
NOTE = "INSERT INTO seen VALUES (%(id)s) ON CONFLICT DO NOTHING"

def add(conn, told):
    conn.execute(ADD, told)

def add_if_unseen(conn, told):
    with conn.transaction():
        if conn.execute(NOTE, told).rowcount:
            conn.execute(ADD, told)

def replace(conn, told):
    conn.execute(SET, told)

def replace_if_newer(conn, told):
    conn.execute(SET + " WHERE counted_at < %(at)s", told)

# %%
ways = {
    "add the change": add,
    "add it, each id once": add_if_unseen,
    "set to the count": replace,
    "set it, if newer": replace_if_newer,
}
counts = [
    {"id": "a", "at": 1, "change": -8, "count": 42},
    {"id": "b", "at": 2, "change": -5, "count": 37},
    {"id": "c", "at": 3, "change": 20, "count": 57},
]
every_delivery(
    db, ways, counts, tables=["shelf", "seen"],
    look="SELECT on_hand FROM shelf", right=lambda told: told[-1]["count"],
)

# %% [markdown]
# Adding is wrong always.
# Setting is idempotent, and still wrong in two thirds of the orders: a late copy of an old message undoes a newer one.
# *Idempotent* means that repeating does no harm; it does not mean that *order* does none.
#
# Two ways are right whatever comes.
# One remembers what it has seen, and what it does commutes, so order does not matter.
# The other remembers nothing: each message carries the whole state and the moment it is from, and the condition in the write lets only newer ones through.
# Prefer the second where you can choose, because it has no memory to fill, to expire or to lose.
#
# The cheapest memory is a key that the business has anyway: one shipment per order is `UNIQUE (order_id)`, and the second attempt is refused by the database, not by your care.
#
# **In production.** Give messages a version from *one* clock, best the sender's own counter; wall clocks of two machines do not order anything.
# In review, be suspicious of `+=`, of "create", and of "the current time" in anything that a queue or a retry can reach.

# %% [markdown]
# ## Idempotency keys
#
# Some operations cannot be said differently: taking money is one.
# Then the caller names the operation: a random key, chosen **before the first attempt**, sent with each.
#
# **Predict.** Two versions of the same function, and the first reply is lost again.
# What is paid in each?

# %%
import uuid

set_on_retry_hooks([])


@stamina.retry(on=ProviderTimeout, attempts=3)
def pay_inner(client, order):
    key = str(uuid.uuid4())
    return client.charge(amount=1250, reference=order, idempotency_key=key)


@stamina.retry(on=ProviderTimeout, attempts=3)
def pay_outer(client, order, key):
    return client.charge(amount=1250, reference=order, idempotency_key=key)


for name, version in (("inside", pay_inner), ("outside", pay_outer)):
    outside.forget()
    bank.script("cut after")
    arguments = [str(uuid.uuid4())] if version is pay_outer else []
    version(client, "order-7", *arguments)
    print(f"key made {name} the retried function: {bank.charged('order-7')} cents")

# %% [markdown]
# A key made inside the retried function names the attempt, not the operation.
# The same mistake in larger: a key made at each click, or at each run of the job.
# Make it where the intention is made, and store it with that: then a process that comes after a crash says the same key again.

# %% [markdown]
# ### What Stripe and the IETF draft define
#
# The header `Idempotency-Key` is Stripe's, and many providers have it since; draft-ietf-httpapi-idempotency-key-header writes the practice down.
# It is a draft, not an RFC, and drafts expire after six months unless a new one replaces them; what follows is from draft 07 (October 2025).
# Our provider follows both, but for two things: it answers a replay with 200 instead of the first reply's 201, and the key goes out without quotes, as at Stripe, where the draft wants them.
# This is what goes over the wire.

# %%
DAY = 24 * 60 * 60
body = {"amount": 1250, "reference": "order-7"}
key = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
outside.forget()
rows = []
with httpx.Client(base_url=bank.tcp_url()) as http:
    for what, told, passed in (
        ("first", body, 0),
        ("again", body, 0),
        ("same key, other amount", {**body, "amount": 9900}, 0),
        ("again, 25 hours later", body, DAY * 25 / 24),
    ):
        outside.clock.advance(passed)
        reply = http.post("/v1/charges", json=told, headers=key)
        again = reply.headers.get("idempotent-replayed", "")
        rows.append((what, reply.status_code, again, reply.json().get("id", ""), bank.charged("order-7")))
Table(("request", "status", "replayed", "charge", "cents taken"), tuple(rows), len(rows))

# %% [markdown]
# | | Stripe, API v1 | the draft |
# |---|---|---|
# | the same key again | the stored status and body, errors included (500 too), with `Idempotent-Replayed: true` | the result of the first, success or error |
# | the same key, another body | an error | 422 |
# | while the first is under way | 409, and nothing is stored | 409 |
# | no key where one is required | (keys are optional) | 400 |
# | how long | may be removed after 24 hours | up to the server, which must publish it |
# | looks like | up to 255 characters, a UUID v4 suggested | a structured-field string, so in quotes; a UUID recommended |
#
# Three things follow that are easily missed.
# A key protects for a day, not for ever: a job that comes back after the weekend must *ask* (by its reference) before it charges.
# A stored error stays: in Stripe's API v1 a stored 500 is the answer for as long as the key lives, and it does not say that nothing was done; a new key then is a decision, taken after finding out, and not a retry.
# What does not get as far as executing (a validation error, a 409) is not stored, so the same key may be used again.
#
# Keys belong to whoever sent them: look them up by client *and* key, or a guessed key reads somebody else's reply.
#
# Sources: Stripe, "Idempotent requests" and "Advanced error handling"; the draft, section 2.

# %% [markdown]
# ### Building one: two callers at the same moment
#
# Now we are the server.
# The naive version looks whether the key is known, does the work, and remembers.

# %%
class UnderWay(Exception):
    """409."""

KNOWN = "SELECT reply FROM keys WHERE key = %s"

def look_first(conn, bank, key):
    if known := conn.execute(KNOWN, [key]).fetchone():
        return known[0]
    reply = bank.charge(amount=1250, reference="order-7")["id"]
    conn.execute("INSERT INTO keys VALUES (%s, %s)", [key, reply])
    conn.commit()
    return reply

def claim_first(conn, bank, key):
    mine = conn.execute("INSERT INTO keys VALUES (%s) ON CONFLICT DO NOTHING", [key]).rowcount
    conn.commit()
    if not mine:
        known = conn.execute(KNOWN, [key]).fetchone()[0]
        if known is None:
            raise UnderWay
        return known
    reply = bank.charge(amount=1250, reference="order-7")["id"]
    conn.execute("UPDATE keys SET reply = %s WHERE key = %s", [reply, key])
    conn.commit()
    return reply

# %% [markdown]
# The second claims the key before it does anything, and commits the claim; whoever finds a claim without a reply is told 409.
# The third, below, does everything in one transaction: the unique index makes a second caller *wait* for the first one's commit.

# %%
def one_transaction(conn, bank, key, **more):
    with conn.transaction():
        claim = "INSERT INTO keys VALUES (%s) ON CONFLICT DO NOTHING"
        if conn.execute(claim, [key]).rowcount:
            reply = bank.charge(amount=1250, reference="order-7", **more)["id"]
            conn.execute("UPDATE keys SET reply = %s WHERE key = %s", [reply, key])
        return conn.execute(KNOWN, [key]).fetchone()[0]

# %% [markdown]
# **Predict.** Two requests with the same key arrive together.
# Which versions can charge twice?
# The next cell plays every order in which the statements *and* the requests of two calls can take effect.

# %%
from grader.notebook.outside_orders import pay_at_once, steps

versions = {"look first": look_first, "claim first": claim_first, "one transaction": one_transaction}


def twice(rows, run):
    return "" if len(bank.charges) == 1 else f"The customer was charged {len(bank.charges)} times"


found, rows = {}, []
for name, version in versions.items():
    calls = [(version, "k1"), (version, "k1")]
    found[name] = runs = pay_at_once(db, outside, calls, tables=["keys"], look="SELECT * FROM keys", wrong=twice)
    told_409 = sum(any(isinstance(r.error, UnderWay) for r in run.replies) for run in runs.runs)
    waits = sum(bool(run.waits) for run in runs.runs)
    rows.append((name, len(runs.runs), len(runs.failures), told_409, waits))
Table(("", "orders", "charged twice", "one is told 409", "one waits"), tuple(rows), len(rows))

# %% [markdown]
# This is the simplest wrong order of *look first*: step through it, or read it as a whole where nothing moves.

# %%
steps(found["look first"].counterexample, names=("first request", "second request"))

# %% [markdown]
# The unique key did notice, but too late: the money had moved.
# A memory that is written after the effect only keeps honest those who come one after the other, which is how every test comes.
#
# ### Building one: a crash at any point
#
# **Predict.** The process is killed, and the client repeats its request with the same key.
# In which versions is there a point of death after which the customer pays twice?
# After which the key can never be used again?

# %%
from grader.notebook.crash_lanes import crash_everywhere, draw_crashes

def with_key(conn, bank, key):
    return one_transaction(conn, bank, key, idempotency_key=key)

def paid(rows):
    if rows and rows[0][0] is None:
        return "stuck: 409"
    return {1: "paid once", 2: "paid twice"}[len(bank.charges)]

lanes = {}
for name, version in {**versions, "one transaction, and a key for the provider": with_key}.items():
    def call(conn, bank, version=version):
        return version(conn, bank, "k1")

    look = "SELECT reply FROM keys"
    lanes[name] = crash_everywhere(
        db, outside, bank, call, after=call, judge=paid, tables=["keys"], look=look
    )
draw_crashes(lanes, good={"paid once"})

# %% [markdown]
# *Look first* forgets a charge whose process died before it wrote it down.
# *Claim first* leaves a claim that nobody will ever redeem: the key is poisoned.
# *One transaction* takes its claim back when it dies, which is right, and forgets the charge with it, which is not: a rollback reaches rows, and no money.
# Only the last is right at every point, because the provider recognises the repetition in its turn.
#
# **Keys must be passed on.** Idempotency at your door is worth as much as that of the doors behind it.
# The key for the provider must be the same in every attempt: derived from the operation, or stored (and committed) before the first.
#
# **What it costs.** The one transaction stays open, with a connection and a locked key, for as long as the provider takes; a slow provider then drains the pool.
# *Claim first* holds nothing meanwhile, but needs three things to be right:
#
# - the claim must expire (a *lease*: whoever finds one that has run out takes it over);
# - whoever takes over must expect that the charge was made, so it needs the provider's key as well;
# - whoever overslept must look before it writes, for a request can outlive its lease and is then only slow, not dead: it completes the record only if that is still its own and open (`UPDATE ... WHERE ... AND claimed_by = ...`), and writes nothing more if no row was changed.
#
# That is the trade of nearly all such designs, and of one exercise of the lab.
#
# **In production.** Store the reply with the effect, in the same transaction.
# Store a fingerprint of the request, and refuse the key for another.
# Count replays, 409s and 422s: replays are your clients' timeouts, and a 422 is a bug of theirs.
# Delete expired keys in batches.
#
# Source: Brandur Leach, "Implementing Stripe-like Idempotency Keys in Postgres" (2017).

# %% [markdown]
# ## At least once, effectively once
#
# A queue hands out a message and waits for the acknowledgement; without one it hands it out again.
# A consumer has its effect, and it acknowledges, and it can die between the two.
#
# **Predict.** An event brings a customer 25 points.
# Five consumers, killed at each point and started again: which of them lose the points, which give them twice?

# %%
BOOK = "UPDATE points SET total = total + 25 WHERE customer = 17"
NOTE = "INSERT INTO seen VALUES (%s) ON CONFLICT DO NOTHING"
UNSEEN = "SELECT count(*) = 0 FROM seen WHERE id = %s"

def consumer(*actions):
    """A consumer that does these, in this order, with the event it has received."""
    def run(conn, queue):
        event = queue.receive()
        fresh = bool(event)
        for action in actions if event else ():
            if action == "ack":
                queue.ack(event["id"])
            elif action == "commit":
                conn.commit()
            elif action == "unseen":
                fresh = conn.execute(UNSEEN, [event["id"]]).fetchone()[0]
            elif action == "note":
                fresh = conn.execute(NOTE, [event["id"]]).rowcount
            elif fresh:  # "book"
                conn.execute(BOOK)
    return run

# %%
consumers = {
    "acknowledge, then book: at most once": "ack book commit",
    "book, then acknowledge: at least once": "book commit ack",
    "the same, noting the id first, by itself": "note commit book commit ack",
    "the same, noting the id afterwards, by itself": "unseen book commit note commit ack",
    "note and book in one transaction: effectively once": "note book commit ack",
}


def booked(rows):
    return {100: "lost", 125: "once", 150: "twice"}[rows[0][0]]


lanes = {}
for name, actions in consumers.items():
    run = consumer(*actions.split())
    lanes[name] = crash_everywhere(
        db, outside, outside.queue, run, after=run, judge=booked,
        before=lambda: outside.queue.put({"id": "evt_1"}),
        tables=["points", "seen"], look="SELECT total FROM points",
    )
draw_crashes(lanes, good={"once"})

# %% [markdown]
# Acknowledging first can lose, booking first can repeat, and there is no third order: no protocol over a connection that can fail lets both sides be sure that both know (the *two generals*, as Gray called it in 1978).
# So *exactly-once delivery* does not exist.
# What exists is delivery at least once and an **effect** that happens once, because the receiver recognises repetitions.
#
# A memory that is written by itself does not do it: before the effect, it loses; after it, it repeats.
# Memory and effect must be **one commit**, that is, live in one database.
# The table of ids that does it is called an *inbox*.
#
# What a broker sells as exactly-once is this very thing inside its own walls: Kafka commits the consumer's position and the messages it produces in one transaction, and your e-mail is not part of it.
#
# **What it costs.** One row and one index entry for each message, to be deleted when the sender cannot repeat any more; keep them for longer than the queue keeps messages, the dead-letter queue included.
#
# **In production.** Effects that are not rows (an e-mail, a call) cannot join the commit: give them a key of their own, or decide which of *lost* and *twice* you prefer.
# In review, ask of every consumer: where is the acknowledgement, where is the commit, and what lies between?

# %% [markdown]
# ## Outbox and inbox
#
# Now the sending side.
# An order is stored, and others must hear of it through a broker that is no part of your transaction.
#
# **Predict.** Of these four, which can leave an order without its event, which an event without its order, which an event twice?
# Nobody repeats the order here; the relay of the last two runs again, as it would anyway.

# %%
ORDER = "INSERT INTO orders VALUES (7, 1250)"
QUEUED = "SELECT id, value FROM outbox WHERE NOT sent ORDER BY id"
MARK = "UPDATE outbox SET sent = true WHERE id = %s"

def publish_first(conn, broker):
    conn.execute(ORDER)
    broker.publish("orders", "7", 7)
    conn.commit()

def commit_first(conn, broker):
    conn.execute(ORDER)
    conn.commit()
    broker.publish("orders", "7", 7)

def outbox(relay):
    def place_and_relay(conn, broker):
        with conn.transaction():
            conn.execute(ORDER)
            conn.execute("INSERT INTO outbox VALUES (1, 7)")
        relay(conn, broker)
    return place_and_relay

# %%
def mark_after(conn, broker):
    for number, value in conn.execute(QUEUED).fetchall():
        broker.publish("orders", "7", value)
        conn.execute(MARK, [number])
        conn.commit()

def mark_before(conn, broker):
    for number, value in conn.execute(QUEUED).fetchall():
        conn.execute(MARK, [number])
        conn.commit()
        broker.publish("orders", "7", value)

# %%
def told(rows):
    words = {(0, 0): "neither", (1, 1): "both", (0, 1): "no order", (1, 0): "no event"}
    return words.get((rows[0][0], len(outside.broker.published)), "event twice")

lanes = {}
for name, place, relay in (
    ("publish, then commit", publish_first, None),
    ("commit, then publish", commit_first, None),
    ("outbox, marked before it is published", outbox(mark_before), mark_before),
    ("outbox, marked afterwards", outbox(mark_after), mark_after),
):
    shop = {"judge": told, "tables": ["orders", "outbox"], "look": "SELECT count(*) FROM orders"}
    lanes[name] = crash_everywhere(db, outside, outside.broker, place, after=relay, **shop)
draw_crashes(lanes, good={"both", "neither"}, doubt={"event twice"})

# %% [markdown]
# *Publish first* can announce an order that does not exist; *commit first* can keep one to itself; both look fine in every test that nobody kills.
# It is called the *dual write*, and no order of two writes cures it.
#
# The outbox makes it one write: the event is a row in the order's own transaction, so it exists exactly if the order does.
# Sending it is then a step of its own, done by a *relay*, which runs again after a crash, so it can be repeated until it has worked.
# What is left is the last lane's one doubtful kind of point: published, and not yet marked.
# That is *at least once*, and the receiver's inbox makes it *effectively once*: outbox and inbox are the two halves of one bridge.
#
# ### A number is given before it is committed
#
# A relay that remembers "up to id 41 I have sent" needs no marks.
#
# **Predict.** Can it miss an event?

# %%
# %%session A
# BEGIN;
# INSERT INTO feed (event) VALUES ('order 7') RETURNING id;

# %%
# %%session B
# INSERT INTO feed (event) VALUES ('order 8') RETURNING id;

# %%
# %%sql
# SELECT id, event FROM feed WHERE id > 0 ORDER BY id;

# %% [markdown]
# The relay sends order 8 and remembers 2.
# Now A, which got its number first, commits.

# %%
# %%session A
# COMMIT;

# %%
# %%sql
# SELECT id, event FROM feed WHERE id > 2 ORDER BY id;

# %%
# %session close

# %% [markdown]
# Order 7 will never be sent.
# Sequences give numbers out at once, and commits come in another order; timestamps (`now()` is the *beginning* of the transaction) are no better.
# Mark rows one by one, as above, or read the server's own log in commit order (logical decoding; Debezium).
#
# The second trap is the number of relays: two that share the rows with `SKIP LOCKED` are fast, and overtake each other, so the events of one customer can arrive the wrong way round.
# One relay at a time (an advisory lock, lesson 04), or one per partition.
#
# **In production.** Monitor the age of the oldest event that is not sent: it is the one figure that says that the relay is alive.
# Delete what is sent; the table is a queue, not an archive.
#
# Sources: Richardson, "Pattern: Transactional outbox"; Helland, "Life beyond Distributed Transactions" (2007).

# %% [markdown]
# ## Inbox: events from others
#
# Webhooks are messages whose sender you cannot choose: they come twice, out of order, and sometimes not at all.
#
# A payment succeeds, is disputed, and the dispute is won: `succeeded`, `disputed`, `succeeded`.
# Below, every choice of these events arrives, each of them twice, in every order.
#
# **Predict.** Which way ends with the state of the newest event that came?

# %%
MOVE = "UPDATE payments SET status = %(status)s, sequence = %(sequence)s"
RANK = {"none": 0, "succeeded": 1, "disputed": 2}

def last_to_come(conn, event):
    conn.execute(MOVE, event)

def each_id_once(conn, event):
    with conn.transaction():
        if conn.execute(NOTE, [event["id"]]).rowcount:
            conn.execute(MOVE, event)

def never_backwards(conn, event):
    now = conn.execute("SELECT status FROM payments").fetchone()[0]
    if RANK[event["status"]] > RANK[now]:
        conn.execute(MOVE, event)

def newest_sequence(conn, event):
    conn.execute(MOVE + " WHERE sequence < %(sequence)s", event)

# %%
story = [
    {"id": f"evt_{n}", "status": status, "sequence": n}
    for n, status in enumerate(("succeeded", "disputed", "succeeded"), 1)
]
ways = {
    "last to come": last_to_come,
    "each id once": each_id_once,
    "never backwards": never_backwards,
    "newest sequence": newest_sequence,
}
every_delivery(
    db, ways, story, tables=["payments", "seen"], lost=True,
    look="SELECT status FROM payments", right=lambda came: came[-1]["status"],
)

# %% [markdown]
# Two different ends are right here, so no way should have fewer: where the newest event that came is `evt_2`, the payment is `disputed`, and otherwise it has succeeded.
#
# An inbox alone (*each id once*) stops duplicates and lets the order decide; a ladder of statuses (*never backwards*) looks wise until a status comes back.
# What works is what worked on the shelf: whole state, one counter, newest wins.
#
# Not every sender gives you a counter.
# Stripe, for one, gives none and promises no order; then treat the event as a mere hint, *this payment changed*, and fetch its present state from the API.
#
# What never comes, no handler can make up for: if `evt_3` is lost, *newest sequence* stays at `disputed`, right by all it has heard, and wrong.
# So a job that compares, each night, what you have with what they have (*reconciliation*) belongs to every integration.
#
# **In production.** Check the signature over the *raw* bytes, and the time that is signed with them; store the event; answer 2xx; do the work afterwards.
# A sender waits seconds, not minutes, and takes anything slow for a failure, which brings the next duplicate.
# Expect events that are days old: Stripe tries for up to three.
#
# Source: Stripe, "Receive events in your webhook endpoint".

# %% [markdown]
# ## Retry storms, budgets, backoff with jitter
#
# A retry that is safe for the data can still be deadly for the service.
# The next three pictures are simulations, with the rules stated in `grader/instruments/storm.py` and a fixed seed.
#
# **Predict.** 200 clients fail at the same moment; the service takes 10 calls each tenth of a second and refuses the rest.
# How do the clients fare if they come again at once; after 0.1, 0.2, 0.4, ... seconds up to 5; or after a *random* part of those?

# %%
from grader.instruments.storm import Trying, at_once, exponential, full_jitter, herd, storm
from grader.show.storms import herd_picture, storm_picture

waits = {
    "at once": at_once,
    "exponential": exponential(base=0.1, cap=5),
    "exponential, full jitter": full_jitter(base=0.1, cap=5),
}
herds = {name: herd(wait, clients=200, takes=10, tick=0.1) for name, wait in waits.items()}
waves = [f"{tick / 10:.1f}" for tick, calls in enumerate(herds["exponential"].sent) if calls]
print("exponential, seconds at which a wave comes:", *waves)
herd_picture({name: found.sent for name, found in herds.items()}, tick=0.1, takes=10)

# %% [markdown]
# Coming again at once is soonest over *here*, where a refusal costs the service nothing; no real service is like that.
# Backing off by the same amounts keeps the herd together: it comes back whole, each time later, the service idles between the waves, and refuses just as many calls.
# The picture ends after eight seconds, in which seven of the twenty waves come; the line above it has the others, about five seconds apart, each ten calls smaller than the one before.
# Jitter pulls the herd apart, so that there is something to do in nearly every tick, with fewer than half of the calls.
# Drawing the *whole* wait at random ("full jitter") sounds crude, and needed the fewest calls of the variants that Marc Brooker compared.
#
# That was a herd: so many clients, and no new ones.
# A public service has new callers all the time, however badly it does.
#
# **Predict.** 70 calls a second come to a service that can do 100.
# For five seconds it does 20; then it is well again.
# Clients give up after a second.
# When is it back to normal with no retries; with two retries, well spaced and jittered; and with the same two within a *budget* of one retry for ten calls?

# %%
jitter = full_jitter(base=0.5, cap=10)
kinds = {
    "no retries": Trying(attempts=1),
    "2 retries, jitter": Trying(attempts=3, wait=jitter),
    "2 retries, jitter, budget": Trying(attempts=3, wait=jitter, budget=0.1),
}
storms = {name: storm(kind, rate=70, capacity=100, slow=20, trouble=(10, 15)) for name, kind in kinds.items()}
storm_picture({name: (found.sent, found.answered) for name, found in storms.items()}, (10, 15))

# %%
rows = []
for name, found in storms.items():
    back = next((s for s in range(15, 60) if found.answered[s] >= 70), None)
    sent, answered = found.over(50, 60)
    rows.append((name, f"after {back - 15} s" if back else "never", round(sent), round(answered)))
columns = ("", "back at 70 a second", "sent a second, at the end", "answered a second, at the end")
Table(columns, tuple(rows), len(rows))

# %% [markdown]
# With retries it never comes back, although the cause has been gone for three quarters of a minute and the callers behaved by the book.
# The service is busy all the time, with requests whose senders have given up and are asking again: three times 70 is more than 100.
# This is a *metastable failure*: the load that keeps it down is made by its being down, and it ends only when somebody takes load away.
# (This service lets everybody stand in line. One that turns away what it cannot do in time protects itself: `13-resilience`.)
#
# Backoff and jitter decide *when* the retries come; with steady traffic they change nothing about *how many*.
# A budget does: each first call earns a tenth of a retry, each retry costs one, so in the long run the load grows by 10 % and no more.
# With few failures the budget is never noticed; when everything fails, it is what you want.
#
# **Predict.** At which load are three attempts without a budget harmless?
# Move the sliders to find out (without a live kernel: the picture is of 30 calls a second).

# %%
from grader.notebook.weather import Weather

Weather(load=30, attempts=3)

# %% [markdown]
# The rule is crude and worth knowing: *load times attempts* must stay below the capacity, or the service needs help to get up again.
# Few services run at a third of what they can do; hence the budget.

# %% [markdown]
# ### Retries multiply
#
# **Predict.** A page calls a service that calls a service that calls the bank; each of the three tries three times; the bank is down.
# How many calls does the bank get for one click?
# (The layers are functions here; the calls that are counted arrive at the bank.)

# %%
down = {"on": ProviderError, "attempts": 3}


def clicks(*retried):
    """Calls the bank gets for one click, with these of the three layers retrying."""
    def bank_client():
        return client.charge(amount=1250, reference="order-7")

    call = bank_client
    for layer in ("payments", "orders", "page"):
        call = stamina.retry(**down)(call) if layer in retried else call
    outside.forget()
    bank.script(*["error"] * 40)
    try:
        call()
    except ProviderError:
        return len(outside.journal.steps)


print("every layer retries:      ", clicks("payments", "orders", "page"))
print("only the innermost retries:", clicks("payments"))

# %% [markdown]
# Retry in *one* layer, the one that knows whether it is safe and still has time; elsewhere hand the error on.
# Pass the *deadline* down too: an answer that comes after the caller has left is work for nothing, which is what kept the storm alive.
#
# **In production.** Export retries as a share of first calls, and alert on it: in the success rate a retried failure does not show.
# Honour `Retry-After`: who sends it is the only one who knows.
# Put jitter on everything periodic (cron at full hours, cache expiry, reconnects), not only on retries.
#
# Sources: Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015) and "Timeouts, retries, and backoff with jitter" (Amazon Builders' Library); Bronson et al., "Metastable Failures in Distributed Systems" (HotOS 2021); Google, "Site Reliability Engineering", chapters 21 and 22.

# %% [markdown]
# ## What must never be retried
#
# | | because |
# |---|---|
# | an operation that may not happen twice, without a key or a condition | a timeout may mean that it has happened; give it a key first |
# | 400, 401, 403, 404, 422 and nearly all of 4xx | the same request gets the same answer; exceptions: 408, 425, 429, and 409 where it means *under way* |
# | a declined card | it is an answer; card networks charge for excessive repetition |
# | a login | it runs into the lock-out, and locks out the customer |
# | anything after its deadline, or when the budget is spent | nobody waits for it, or everybody would |
# | one statement of a failed transaction | the whole unit is repeated, or nothing (lesson 04) |
# | a bug: `TypeError`, `KeyError`, a constraint that is violated | it will be violated again; retry named exceptions, never `Exception` |
# | a message that fails every time | a few attempts, then a dead-letter queue where somebody looks |
#
# And what looks like a retry and is not: a *new key* for the same payment is a second payment.

# %% [markdown]
# ## Whose code to use
#
# The loop is the easy part, and you should not write it; the questions above stay yours.
#
# | for | take | know that |
# |---|---|---|
# | retries in Python | `stamina` | exponential with jitter, bounded in attempts (10) *and* time (45 s) by default; its jitter is *added* to the wait (up to 1 s), not full jitter; it has no budget, and `Retry-After` is up to your hook |
# | unusual policies | `tenacity`, which stamina stands on | everything can be set; its plain `@retry` tries for ever, at once, on any exception; `wait_random_exponential` is full jitter |
# | HTTP with `requests` or `urllib3` | `urllib3.util.Retry` | sends a POST again only if the connection could not be made, honours `Retry-After`; further statuses are yours to list; jitter is off by default |
# | a provider's API | its own SDK | Stripe's makes a key for each call it retries by itself, which does not survive *your* crash: pass your own |
# | work after a commit, on Postgres | `procrastinate` | `task.configure(connection=conn).defer(...)` (since version 3.8) writes the job in *your* transaction: that is an outbox, relay included; jobs run at least once |
# | work on Redis | `dramatiq` | at least once; enqueuing is a dual write, so either an outbox before it or a job that may get lost |
# | events for others | Debezium, or the outbox above | the log-based way has no polling and no ordering trap, and is a system to run |
# | long processes over many services | a workflow engine (Temporal, DBOS) | they store each step's result; a step whose result was not stored runs again, so it must still be idempotent |
#
# The inbox and the key table you write yourself, because they must share *your* transaction; they are the two smallest tables of your schema.
#
# And a library does what it is told.
#
# **Predict.** What comes of a typing mistake under `on=Exception`?

# %%
set_on_retry_hooks([note])


@stamina.retry(on=Exception, attempts=3)
def misspelt(client):
    return client.chrage(amount=1250)


try:
    misspelt(client)
except AttributeError as error:
    print("finally:", error)

# %% [markdown]
# It asks the mistake three times whether it has changed its mind; in production with pauses, in every request.

# %%
set_on_retry_hooks([])
stamina.set_testing(False)
outside.close()
db.drop()

# %% [markdown]
# ## Key points
#
# - A timeout is "I do not know": it has happened, it has not, or it will; only asking by name, or saying it again safely, finds out.
# - Say state and not change, with a counter of the sender's, and neither duplicates nor order matter; where that is impossible, name the operation with a key made before the first attempt.
# - Claim the key before the effect, give claims an end, store the reply with the effect, and pass a key on to whoever acts for you.
# - Delivery is at least once; the effect is once if memory and effect are one commit: inbox where you receive, outbox where you send.
# - Retry named failures of what is safe to repeat, in one layer, with jitter, a deadline and a budget; jitter spreads the load, only the budget bounds it.
#
# Now the lab: [labs/10-idempotency](../labs/10-idempotency/10-idempotency.ipynb).
