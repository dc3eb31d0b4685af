# accepts: a claim with a lease; the second request looks once a second, for a while, whether the first has finished
app = FastAPI()
DAY = timedelta(hours=24)
LEASE = timedelta(seconds=60)


@app.post("/v1/payments")
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    me = {"client": x_client, "key": idempotency_key, "request": json.dumps(body, sort_keys=True)}
    now = clock.now()
    me |= {"now": now, "old": now - DAY, "dead": now - LEASE}
    with psycopg.connect(DATABASE_URL, autocommit=True) as conn:
        conn.execute("DELETE FROM idempotency_keys WHERE client = %(client)s AND key = %(key)s AND created_at <= %(old)s", me)
        claimed = conn.execute(
            """INSERT INTO idempotency_keys AS k (client, key, request, locked_at, created_at)
               VALUES (%(client)s, %(key)s, %(request)s, %(now)s, %(now)s)
               ON CONFLICT (client, key) DO UPDATE SET locked_at = %(now)s
               WHERE k.status IS NULL AND k.request = %(request)s AND (k.locked_at IS NULL OR k.locked_at < %(dead)s)
               RETURNING created_at""",
            me,
        ).fetchone()
        if claimed is None:
            for _ in range(20):
                known = conn.execute(
                    "SELECT request, status, reply FROM idempotency_keys WHERE client = %(client)s AND key = %(key)s", me
                ).fetchone()
                if known and known[0] != me["request"]:
                    raise HTTPException(422, "this key was used for another request")
                if known and known[1]:
                    return Response(known[2], known[1], media_type="application/json")
                clock.sleep(1)
            raise HTTPException(409, "in progress")
        try:
            charge = provider.charge(
                amount=body["amount"],
                reference=f"order-{body['order_id']}",
                idempotency_key=f"{x_client}/{idempotency_key}/{claimed[0].timestamp()}",
            )
        except ProviderError:
            conn.execute("UPDATE idempotency_keys SET locked_at = NULL WHERE client = %(client)s AND key = %(key)s", me)
            raise HTTPException(503, "the provider does not answer; try again")
        reply = json.dumps({"charge_id": charge["id"], "amount": body["amount"]})
        with conn.transaction():
            mine = conn.execute(
                """UPDATE idempotency_keys SET status = 201, reply = %(reply)s
                   WHERE client = %(client)s AND key = %(key)s AND status IS NULL""",
                {**me, "reply": reply},
            ).rowcount
            if mine:
                conn.execute(
                    "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
                    (x_client, body["order_id"], body["amount"], charge["id"]),
                )
        return Response(reply, 201, media_type="application/json")
