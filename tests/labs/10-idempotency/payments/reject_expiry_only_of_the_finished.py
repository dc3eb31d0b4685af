# fails: keys_expire -- "a day and a minute after a request that failed"
app = FastAPI()


@app.post("/v1/payments", status_code=201)
def pay(body: dict, x_client: str = Header(), idempotency_key: str = Header()):
    """Takes a payment once for each client and key. 201, 409 (under way), 422 (key used for another body), 503."""
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
             WHERE (had.created_at <= %(expired)s AND had.status IS NOT NULL)
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


