# fails: choices_win -- "of the 4 choices"
row_or_column = {
    "query": """SELECT shipping_country, count(*), sum(total) FROM 'orders.parquet'
 WHERE status = 'delivered' AND placed_at >= '2025-10-01' AND placed_at < '2026-01-01' GROUP BY ALL""",
    "choices": {
        "one_order": "duckdb",
        "revenue_by_month": "duckdb",
        "mark_shipped": "duckdb",
        "units_by_product": "duckdb",
    },
}
