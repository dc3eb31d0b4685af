# fails: other_body_refused -- "two different payments were answered 201"
import asyncio
import uuid
from pydantic import BaseModel
from contextlib import asynccontextmanager


class Payment(BaseModel):
    order_id: int
    amount: int


class Keys:
    def __init__(self, conn, client, key):
        self.conn, self.who = conn, (client, key)

    async def claim(self, said, now):
        await self.conn.execute(
            """INSERT INTO idempotency_keys AS k (client, key, request, created_at) VALUES (%s, %s, %s, %s)
               ON CONFLICT (client, key) DO UPDATE SET request = excluded.request, status = NULL, reply = NULL, created_at = excluded.created_at
               WHERE k.created_at <= excluded.created_at - interval '24 hours'""", (*self.who, said, now))
        await self.conn.commit()
        cur = await self.conn.execute("SELECT status, reply, created_at FROM idempotency_keys WHERE client = %s AND key = %s FOR UPDATE", self.who)
        return await cur.fetchone()

    async def other(self, said, now):
        cur = await self.conn.execute("SELECT request FROM idempotency_keys WHERE client = %s AND key = %s AND created_at > %s - interval '24 hours'", (*self.who, now))
        row = await cur.fetchone()
        await self.conn.commit()
        return row is not None and row[0] != said

    async def done(self, reply):
        await self.conn.execute("UPDATE idempotency_keys SET status = 201, reply = %s WHERE client = %s AND key = %s", (reply, *self.who))


@asynccontextmanager
async def lifespan(app):
    app.state.started = True
    yield

app = FastAPI(lifespan=lifespan)


@app.post("/v1/payments", status_code=201)
async def pay(payment: Payment, x_client: str = Header(...), idempotency_key: str = Header(...)):
    said = payment.model_dump_json()
    async with await psycopg.AsyncConnection.connect(DATABASE_URL) as conn:
        keys = Keys(conn, x_client, idempotency_key)
        now = clock.now()
        if await keys.other(said, now):
            return JSONResponse({"error": "other request"}, 422)
        status, reply, since = await keys.claim(said, now)
        if status is None:
            name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{len(x_client)}/{x_client}/{idempotency_key}/{since.timestamp()}"))
            try:
                charge = await asyncio.to_thread(provider.charge, amount=payment.amount, reference=f"order-{payment.order_id}", idempotency_key=name)
            except ProviderError:
                return JSONResponse({"error": "provider"}, 502)
            reply = json.dumps({"charge_id": charge["id"], "status": charge["status"]})
            await conn.execute("INSERT INTO ledger (client, order_id, amount, charge_id) VALUES (%s, %s, %s, %s)", (x_client, payment.order_id, payment.amount, charge["id"]))
            await keys.done(reply)
    return Response(reply, 201, media_type="application/json")
