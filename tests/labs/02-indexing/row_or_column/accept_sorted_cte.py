# accepts: a CTE with all columns that the optimiser prunes, read_parquet from another folder, ordered
row_or_column = {
    "query": """WITH quarter AS (SELECT * FROM read_parquet('data/2025/orders.parquet')
   WHERE placed_at BETWEEN TIMESTAMP '2025-10-01' AND TIMESTAMP '2025-12-31 23:59:59.999999')
SELECT shipping_country AS country, count(*) AS n, round(sum(total::double), 2) AS revenue
  FROM quarter WHERE status = 'delivered' GROUP BY country ORDER BY revenue DESC;""",
    "choices": {
        "one_order": "PostgreSQL",
        "revenue_by_month": "DuckDB",
        "mark_shipped": "PostgreSQL",
        "units_by_product": "DuckDB",
    },
}
