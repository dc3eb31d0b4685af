# fails: other_body_refused, failures_are_not_frozen, once_under_all_schedules, once_under_all_faults -- "charged 2 times" "looked for the key before either"
# Looks whether the key is known, pays, and stores it afterwards: right as long as requests come one by one.
app = FastAPI()


@app.post("/v1/payments")
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    request = json.dumps(body, sort_keys=True)
    with psycopg.connect(DATABASE_URL) as conn:
        known = conn.execute(
            "SELECT request, reply FROM idempotency_keys WHERE client = %s AND key = %s AND created_at > %s",
            (x_client, idempotency_key, clock.now() - timedelta(hours=24)),
        ).fetchone()
        if known:
            if known[0] != request:
                raise HTTPException(422)
            return Response(known[1], 201, media_type="application/json")
        try:
            charge = provider.charge(amount=body["amount"], reference=f"order-{body['order_id']}")
        except ProviderError:
            raise HTTPException(503)
        reply = json.dumps({"charge_id": charge["id"]})
        conn.execute(
            "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
            (x_client, body["order_id"], body["amount"], charge["id"]),
        )
        conn.execute(
            """INSERT INTO idempotency_keys VALUES (%s, %s, %s, 201, %s, NULL, %s) ON CONFLICT (client, key)
               DO UPDATE SET request = excluded.request, reply = excluded.reply, created_at = excluded.created_at""",
            (x_client, idempotency_key, request, reply, clock.now()),
        )
    return Response(reply, 201, media_type="application/json")
