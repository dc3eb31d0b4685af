# fails: bytes_read -- "each further column, file or look"
row_or_column = {
    "query": """SELECT a.shipping_country, a.n, b.revenue
FROM (SELECT shipping_country, count(*) AS n FROM 'orders.parquet' WHERE status = 'delivered'
      AND placed_at >= '2025-10-01' AND placed_at < '2026-01-01' GROUP BY 1) a
JOIN (SELECT shipping_country, sum(total) AS revenue FROM 'orders.parquet' WHERE status = 'delivered'
      AND placed_at >= '2025-10-01' AND placed_at < '2026-01-01' GROUP BY 1) b USING (shipping_country)""",
    "choices": {
        "one_order": "postgres",
        "revenue_by_month": "duckdb",
        "mark_shipped": "postgres",
        "units_by_product": "duckdb",
    },
}
