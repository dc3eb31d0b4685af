# fails: same_answer -- "only what was delivered"
row_or_column = {
    "query": """SELECT shipping_country, count(*), sum(total) FROM 'orders.parquet'
 WHERE placed_at >= '2025-10-01' AND placed_at < '2026-01-01' GROUP BY ALL""",
    "choices": {
        "one_order": "postgres",
        "revenue_by_month": "duckdb",
        "mark_shipped": "postgres",
        "units_by_product": "duckdb",
    },
}
