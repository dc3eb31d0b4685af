# accepts: asynchronous; locks the customer's row, keeps one link a customer in a table of its own, mails after the reply
class Address(BaseModel):
    email: str


class NewPassword(BaseModel):
    token: str
    password: str


def reset_password(database_url, send_mail, hash_password, clock) -> FastAPI:
    app = FastAPI()

    def send(to, token):
        try:
            send_mail(to, "Your password", "Open\nhttps://shop.example/reset?token=" + token + "\nwithin half an hour.")
        except OSError:
            pass

    @app.post("/forgot")
    async def forgot(address: Address, later: BackgroundTasks):
        async with await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row) as conn:
            await conn.execute(
                "CREATE TABLE IF NOT EXISTS links (customer_id bigint PRIMARY KEY, digest bytea, until timestamptz)"
            )
            cursor = await conn.execute(
                "SELECT id, email FROM customers WHERE email ILIKE %s",
                [address.email.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_").replace("\0", "")],
            )
            customer = await cursor.fetchone()
            if customer:
                secret = secrets.token_hex(20)
                await conn.execute(
                    "INSERT INTO links VALUES (%s, %s, %s) ON CONFLICT (customer_id) "
                    "DO UPDATE SET digest = excluded.digest, until = excluded.until",
                    [customer["id"], hashlib.sha256(secret.encode()).digest(), clock.now() + timedelta(minutes=30)],
                )
                later.add_task(send, customer["email"], f"{customer['id']}.{secret}")
        return Response(f"We have written to {address.email}, if it is one we know.", media_type="text/plain")

    @app.get("/reset")
    async def page():
        return HTMLResponse("<form></form>", headers={"Referrer-Policy": "same-origin", "Cache-Control": "no-store"})

    @app.post("/reset")
    async def reset(new: NewPassword):
        who, _, secret = new.token.partition(".")
        if not who.isascii() or not who.isdigit() or len(who) > 18 or len(new.password) < 8:
            return JSONResponse({"error": "a link and a password of 8 characters, please"}, 422)
        async with await psycopg.AsyncConnection.connect(database_url) as conn:
            await conn.execute("SELECT 1 FROM customers WHERE id = %s FOR UPDATE", [int(who)])
            cursor = await conn.execute("SELECT digest FROM links WHERE customer_id = %s AND until > %s", [int(who), clock.now()])
            row = await cursor.fetchone()
            if row is None or not hmac.compare_digest(row[0], hashlib.sha256(secret.encode()).digest()):
                return JSONResponse({"error": "this link does not work any more"}, 410)
            await conn.execute("DELETE FROM links WHERE customer_id = %s", [int(who)])
            await conn.execute("DELETE FROM sessions WHERE customer_id = %s", [int(who)])
            await conn.execute(
                "UPDATE customers SET password_hash = %s WHERE id = %s", [hash_password(new.password), int(who)]
            )
        return Response(status_code=204)

    return app
