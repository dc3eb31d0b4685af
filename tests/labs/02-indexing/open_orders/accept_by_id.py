# accepts: the key hardly matters for so few rows: a partial index over ids, predicate written as IN
open_orders: str = "CREATE INDEX orders_todo ON orders (id) WHERE status IN ('pending')"
