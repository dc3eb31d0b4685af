# accepts: takes first, looks at what is left, takes back; closes its connection
from dataclasses import dataclass
from psycopg.rows import dict_row


@dataclass
class Shelf:
    conn: psycopg.Connection

    def take(self, pid: int, n: int) -> int:
        with self.conn.cursor(row_factory=dict_row) as cur:
            cur.execute(
                "UPDATE inventory SET on_hand = on_hand - %(n)s WHERE product_id = %(p)s RETURNING on_hand",
                {"n": n, "p": pid},
            )
            row = cur.fetchone()
            if row is None:
                raise UnknownProduct(pid)
            if row["on_hand"] < 0:
                raise OutOfStock(pid)
            return row["on_hand"]


def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise ValueError("q")
    with conn:
        return Shelf(conn).take(product_id, quantity)
