# fails: keys_expire -- "must be new for it"
app = FastAPI()


@app.post("/v1/payments")
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    said, now = json.dumps(body, sort_keys=True), clock.now()
    with psycopg.connect(DATABASE_URL) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [json.dumps([x_client, idempotency_key])])
        row = conn.execute(
            "SELECT request, status, reply, created_at FROM idempotency_keys WHERE client = %s AND key = %s", [x_client, idempotency_key]
        ).fetchone()
        if row and now - row[3] >= timedelta(hours=24):
            conn.execute("DELETE FROM idempotency_keys WHERE client = %s AND key = %s", [x_client, idempotency_key])
            row = None
        if row and row[0] != said:
            raise HTTPException(422, "other body")
        if row and row[1]:
            return Response(row[2], row[1], media_type="application/json")
        if row is None:
            conn.execute(
                "INSERT INTO idempotency_keys (client, key, request, created_at) VALUES (%s, %s, %s, %s)", [x_client, idempotency_key, said, now]
            )
        name = hashlib.sha256(json.dumps([x_client, idempotency_key]).encode()).hexdigest()
        try:
            made = provider.charge(amount=body["amount"], reference=f"order-{body['order_id']}", idempotency_key=name)
        except ProviderError:
            conn.commit()
            return JSONResponse({"detail": "again"}, 503)
        reply = json.dumps({"charge_id": made["id"]})
        conn.execute("INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)", [x_client, body["order_id"], body["amount"], made["id"]])
        conn.execute("UPDATE idempotency_keys SET status = 201, reply = %s WHERE client = %s AND key = %s", [reply, x_client, idempotency_key])
        conn.commit()
        return Response(reply, 201, media_type="application/json")
