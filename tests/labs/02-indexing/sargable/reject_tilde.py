# fails: products_by_sku -- "no continuation of the prefix"
sargable = {
    "orders_of_day": """SELECT id FROM orders WHERE placed_at >= %(day)s::timestamp AT TIME ZONE 'Europe/Paris' AND placed_at < (%(day)s + 1)::timestamp AT TIME ZONE 'Europe/Paris'""",
    "customers_by_phone": """SELECT id FROM customers WHERE phone = %(phone)s OR (%(phone)s = '' AND phone IS NULL)""",
    "products_by_sku": r"""SELECT id FROM products WHERE sku >= %(prefix)s AND sku < %(prefix)s || '~'""",
}
