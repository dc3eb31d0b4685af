# accepts: BRIN with small ranges for the time, a partial index for the few, put together in Python
indexes = {
    "customer_time": "(customer_id, placed_at)",
    "pending": "(placed_at) WHERE status = 'pending'",
    "time_brin": "USING brin (placed_at) WITH (pages_per_range = 8)",
}
index_budget = ";\n".join(f"CREATE INDEX orders_{name} ON orders {what}" for name, what in indexes.items())
