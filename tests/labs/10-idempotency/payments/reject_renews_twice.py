# fails: once_under_all_schedules -- "24 hours are over" "ledger has 2 rows"
# Looks whether the key's day is over, and takes away what may be another request's new claim.
app = FastAPI()


@app.post("/v1/payments")
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    now = clock.now()
    name = (x_client, idempotency_key)
    request = json.dumps(body, sort_keys=True)
    with psycopg.connect(DATABASE_URL, autocommit=True, row_factory=dict_row) as conn:
        known = conn.execute("SELECT * FROM idempotency_keys WHERE client = %s AND key = %s", name).fetchone()
        if known and now - known["created_at"] >= timedelta(hours=24):
            conn.execute("DELETE FROM idempotency_keys WHERE client = %s AND key = %s", name)
            known = None
        if known is None:
            conn.execute(
                """INSERT INTO idempotency_keys (client, key, request, created_at) VALUES (%s, %s, %s, %s)
                   ON CONFLICT DO NOTHING""",
                (*name, request, now),
            )
        with conn.transaction():
            claim = conn.execute(
                "SELECT * FROM idempotency_keys WHERE client = %s AND key = %s FOR UPDATE", name
            ).fetchone()
            if claim is None:
                return JSONResponse({"error": "under way"}, 409)
            if claim["request"] != request:
                return JSONResponse({"error": "another body"}, 422)
            if claim["status"]:
                return Response(claim["reply"], claim["status"], media_type="application/json")
            try:
                charge = provider.charge(
                    amount=body["amount"], reference=f"order-{body['order_id']}",
                    idempotency_key=":".join([*name, claim["created_at"].isoformat()]),
                )
            except ProviderError:
                return JSONResponse({"error": "the provider does not answer"}, 503)
            reply = json.dumps({"charge_id": charge["id"]})
            conn.execute(
                "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
                (x_client, body["order_id"], body["amount"], charge["id"]),
            )
            conn.execute(
                "UPDATE idempotency_keys SET status = 201, reply = %s WHERE client = %s AND key = %s", (reply, *name)
            )
            return Response(reply, 201, media_type="application/json")
