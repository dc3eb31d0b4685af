# accepts: a generous range with the original inside, UNION ALL, an escaped LIKE
sargable = {
    "orders_of_day": """SELECT id FROM orders
 WHERE placed_at > %(day)s::date::timestamptz - interval '2 days' AND placed_at < %(day)s::date::timestamptz + interval '3 days'
   AND (placed_at AT TIME ZONE 'Europe/Paris')::date = %(day)s;""",
    "customers_by_phone": """SELECT id FROM customers WHERE phone = %(phone)s
UNION ALL
SELECT id FROM customers WHERE phone IS NULL AND %(phone)s = ''""",
    "products_by_sku": r"""SELECT id FROM products WHERE sku LIKE replace(replace(replace(%(prefix)s, '\', '\\'), '%', '\%'), '_', '\_') || '%%' -- 100 %""",
}
