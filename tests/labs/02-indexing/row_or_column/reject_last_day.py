# fails: same_answer -- "ends before the first moment of the next"
row_or_column = {
    "query": """SELECT shipping_country, count(*), sum(total) FROM 'orders.parquet'
 WHERE status = 'delivered' AND placed_at >= '2025-10-01' AND placed_at <= '2025-12-31' GROUP BY ALL""",
    "choices": {
        "one_order": "postgres",
        "revenue_by_month": "duckdb",
        "mark_shipped": "postgres",
        "units_by_product": "duckdb",
    },
}
