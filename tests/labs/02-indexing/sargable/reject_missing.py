# fails: customers_by_phone, products_by_sku -- "it is missing"
sargable = {"orders_of_day": """SELECT id FROM orders WHERE placed_at >= %(day)s::timestamp AT TIME ZONE 'Europe/Paris' AND placed_at < (%(day)s + 1)::timestamp AT TIME ZONE 'Europe/Paris'"""}
