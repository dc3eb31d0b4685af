# fails: replays, other_body_refused, keys_expire -- "after 23 hours and 59 minutes"
# Forgets half an hour early, to be sure that the provider has not forgotten yet.
app = FastAPI()


@app.post("/v1/payments")
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    now = clock.now()
    name = (x_client, idempotency_key)
    request = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    with psycopg.connect(DATABASE_URL) as conn:
        conn.execute(
            "DELETE FROM idempotency_keys WHERE client = %s AND key = %s AND created_at < %s",
            (*name, now - timedelta(hours=23, minutes=30)),
        )
        conn.execute(
            "INSERT INTO idempotency_keys (client, key, request, created_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (*name, request, now),
        )
        conn.commit()
        row = conn.execute(
            "SELECT request, status, reply, created_at FROM idempotency_keys WHERE client = %s AND key = %s FOR UPDATE", name
        ).fetchone()
        if row is None:
            return JSONResponse({"error": "expired just now"}, 409)
        if row[0] != request:
            return JSONResponse({"error": "another body"}, 422)
        if row[1]:
            return Response(row[2], row[1], media_type="application/json")
        try:
            charge = provider.charge(
                amount=body["amount"], reference=f"order-{body['order_id']}",
                idempotency_key=":".join([*name, row[3].isoformat()]),
            )
        except ProviderError as error:
            return JSONResponse({"error": str(error)}, 502)
        reply = json.dumps({"charge_id": charge["id"]})
        conn.execute(
            "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
            (x_client, body["order_id"], body["amount"], charge["id"]),
        )
        conn.execute(
            "UPDATE idempotency_keys SET status = 201, reply = %s WHERE client = %s AND key = %s", (reply, *name)
        )
        conn.commit()
        return Response(reply, 201, media_type="application/json")
