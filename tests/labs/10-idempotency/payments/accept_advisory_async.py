# accepts: asynchronous, an advisory lock that answers 409 at once, a ledger of its own to replay from
from starlette.concurrency import run_in_threadpool

app = FastAPI()


def work(client, key, body):
    moment = clock.now()
    print("payment", client, key)
    with psycopg.connect(DATABASE_URL, autocommit=True, row_factory=dict_row) as conn:
        got = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 5)) AS got", [f"{client} {key}"]).fetchone()
        if not got["got"]:
            return 409, '{"detail": "in progress"}'
        seen = conn.execute("SELECT * FROM idempotency_keys WHERE client = %s AND key = %s", [client, key]).fetchone()
        if seen and moment - seen["created_at"] >= timedelta(days=1):
            conn.execute("DELETE FROM idempotency_keys WHERE client = %s AND key = %s", [client, key])
            seen = None
        if seen is None:
            seen = conn.execute(
                "INSERT INTO idempotency_keys (client, key, request, created_at) VALUES (%s, %s, %s, %s) RETURNING *",
                [client, key, json.dumps(body, sort_keys=True), moment],
            ).fetchone()
        if json.loads(seen["request"]) != body:
            return 422, '{"detail": "the key belongs to another request"}'
        if seen["status"]:
            return seen["status"], seen["reply"]
        try:
            charge = provider.charge(
                amount=body["amount"], reference=f"order-{body['order_id']}",
                idempotency_key=f"{client}|{key}|{seen['created_at'].isoformat()}",
            )
        except ProviderError:
            return 503, '{"detail": "later"}'
        reply = json.dumps({"charge_id": charge["id"]})
        with conn.transaction():
            conn.execute(
                "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
                [client, body["order_id"], body["amount"], charge["id"]],
            )
            conn.execute(
                "UPDATE idempotency_keys SET status = 201, reply = %s WHERE client = %s AND key = %s", [reply, client, key]
            )
        return 201, reply


@app.post("/v1/payments")
async def pay(request: Request):
    key = request.headers.get("idempotency-key")
    if not key:
        return JSONResponse({"detail": "Idempotency-Key is missing"}, 400)
    status, reply = await run_in_threadpool(work, request.headers.get("x-client", ""), key, await request.json())
    return Response(reply, status, media_type="application/json")
