# fails: customers_by_phone -- "statements"
sargable = {
    "orders_of_day": """SELECT id FROM orders WHERE placed_at >= %(day)s::timestamp AT TIME ZONE 'Europe/Paris' AND placed_at < (%(day)s + 1)::timestamp AT TIME ZONE 'Europe/Paris'""",
    "customers_by_phone": """CREATE INDEX ON customers (coalesce(phone, '')); SELECT id FROM customers WHERE coalesce(phone, '') = %(phone)s""",
    "products_by_sku": r"""SELECT id FROM products WHERE sku ^@ %(prefix)s""",
}
