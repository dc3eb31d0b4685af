"""The shop with a login of two steps, for `break_in` and `close_the_hole`: a password, then a code that is mailed.

`HOLE` is the function its second step was released with, as the lab prints it. The shop takes any function of that
kind, so one shop is the vulnerable twin, another the closed one, and a third runs the learner's.
"""

from __future__ import annotations

SCHEMA = """
CREATE TABLE customers (
    id       bigint PRIMARY KEY,
    email    text NOT NULL UNIQUE,
    password text NOT NULL,
    note     text NOT NULL
);
CREATE TABLE tickets (
    ticket      text PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    code        text NOT NULL,
    created_at  timestamptz NOT NULL,
    guesses     int NOT NULL DEFAULT 0,
    used_at     timestamptz
);
"""
ADA, BOB, MALLORY = "ada@example.com", "bob@example.com", "mallory@evil.example"
PASSWORD = "correct horse"  # Mallory's
HOLE = """
def check_code(conn, form, clock):
    ticket = conn.execute("SELECT code FROM tickets WHERE ticket = %s", [form["ticket"]]).fetchone()
    customer = conn.execute("SELECT id FROM customers WHERE email = %s", [form["email"]]).fetchone()
    if ticket is None or customer is None:
        return None
    if not ticket[0].startswith(str(form["code"])):
        return None
    return customer[0]
"""
# What a shop is made of. `decide(conn, form, clock)` is the second step; what it raises of ours is a refusal too.
DRIVER = """
def __shop__(url, clock_path, decide, issued=lambda *what: None, codes=(), most=None, mailed=()):
    # codes: what is mailed, one after the other. mailed: what Mallory was mailed before.
    # most: requests after which nobody is let in.
    import secrets
    import psycopg
    from fastapi import Body, FastAPI, Header, HTTPException
    from grader.instruments.answer_clock import connect
    from grader.shop.errors import ShopError

    app, clock = FastAPI(), connect(clock_path)
    mailbox, sessions, asked, codes = list(mailed), {}, [0], iter(codes)

    def count():
        asked[0] += 1
        if most is not None and asked[0] > most:
            raise HTTPException(429, "that is enough")

    @app.post("/login")
    def login(form: dict):
        count()
        email, password = str(form.get("email")), str(form.get("password"))
        with psycopg.connect(url) as conn:
            found = conn.execute(
                "SELECT id FROM customers WHERE email = %s AND password = %s", [email, password]
            ).fetchone()
            if found is None:
                raise HTTPException(401, "wrong address or password")
            ticket, code = secrets.token_urlsafe(16), next(codes)
            conn.execute("INSERT INTO tickets VALUES (%s, %s, %s, %s)", [ticket, found[0], code, clock.now()])
        issued(ticket, code, found[0])
        if email.startswith("mallory"):
            mailbox.append(code)
        return {"ticket": ticket}

    @app.post("/code")
    def code(form=Body()):
        count()
        if not isinstance(form, dict):
            raise HTTPException(422, "a form, please")
        try:
            text = "".join(value for value in form.values() if isinstance(value, str)).encode()
        except UnicodeEncodeError:  # half a surrogate pair
            raise HTTPException(422, "text, please") from None
        if 0 in text:  # NUL, which no text of Postgres holds
            raise HTTPException(422, "text, please")
        try:
            with psycopg.connect(url) as conn:
                who = decide(conn, form, clock)
        except ShopError:
            who = None
        if who is None or isinstance(who, bool):
            raise HTTPException(401, "wrong code")
        session = secrets.token_urlsafe(16)
        sessions[session] = who
        return {"session": session}

    @app.get("/account")
    def account(authorization: str = Header("")):
        count()
        who = sessions.get(authorization.removeprefix("Bearer "))
        if who is None:
            raise HTTPException(401, "log in")
        with psycopg.connect(url) as conn:
            found = conn.execute("SELECT email, note FROM customers WHERE id = %s", [who]).fetchone()
        return {"email": found[0], "note": found[1]} if found else {"email": None, "note": None}

    @app.get("/mailbox")
    def mail():
        count()
        return {"codes": mailbox}

    app.state.asked = asked
    return app
"""
