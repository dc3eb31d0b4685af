# fails: bytes_read -- "a function around a column"
row_or_column = {
    "query": """SELECT shipping_country, count(*), sum(total) FROM 'orders.parquet'
 WHERE status = 'delivered' AND strftime(placed_at, '%Y-%m') IN ('2025-10', '2025-11', '2025-12') GROUP BY 1""",
    "choices": {
        "one_order": "postgres",
        "revenue_by_month": "duckdb",
        "mark_shipped": "postgres",
        "units_by_product": "duckdb",
    },
}
