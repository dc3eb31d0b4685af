# fails: replays, other_body_refused, keys_expire, failures_are_not_frozen, once_under_all_schedules, once_under_all_faults -- "charged 2 times"
# Asks for the key and does nothing with it.
app = FastAPI()


@app.post("/v1/payments", status_code=201)
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    try:
        charge = provider.charge(amount=body["amount"], reference=f"order-{body['order_id']}")
    except ProviderError:
        raise HTTPException(503)
    with psycopg.connect(DATABASE_URL) as conn:
        conn.execute(
            "INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)",
            (x_client, body["order_id"], body["amount"], charge["id"]),
        )
    return {"charge_id": charge["id"]}
