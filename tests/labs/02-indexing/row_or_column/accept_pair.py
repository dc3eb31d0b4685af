# accepts: filters in the aggregates, given as a pair
query = """
FROM "orders.parquet"
SELECT shipping_country, count(*) FILTER (status = 'delivered') AS delivered, sum(total) FILTER (status = 'delivered')
WHERE date_trunc('quarter', placed_at) = DATE '2025-10-01'
GROUP BY shipping_country
HAVING delivered > 0
"""
engines = dict.fromkeys(["one_order", "mark_shipped"], "row store")
engines |= dict.fromkeys(["revenue_by_month", "units_by_product"], "column store")
row_or_column = (query, engines)
