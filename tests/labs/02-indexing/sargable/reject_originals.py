# fails: orders_of_day, customers_by_phone, products_by_sku -- "bare column" "Seq Scan"
sargable = {
    "orders_of_day": """SELECT id FROM orders WHERE (placed_at AT TIME ZONE 'Europe/Paris')::date = %(day)s""",
    "customers_by_phone": """SELECT id FROM customers WHERE coalesce(phone, '') = %(phone)s""",
    "products_by_sku": r"""SELECT id FROM products WHERE left(sku, length(%(prefix)s)) = %(prefix)s""",
}
