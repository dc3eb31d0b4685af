# rejected -- "must be a dict"
row_or_column = """SELECT shipping_country, count(*), sum(total) FROM 'orders.parquet'
 WHERE status = 'delivered' AND placed_at >= '2025-10-01' AND placed_at < '2026-01-01' GROUP BY ALL"""
