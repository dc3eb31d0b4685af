# accepts: a dataclass carries the message
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    sku: str
    price: Decimal
    at: datetime

    def store(self, conn):
        with conn.transaction():
            conn.execute("INSERT INTO prices AS p VALUES (%s, %s, %s) ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at", (self.sku, self.price, self.at))


def upsert_price(conn: psycopg.Connection, sku: str, price: Decimal, at: datetime) -> None:
    Message(sku, price, at).store(conn)
