# rejected -- "must be a dict"
sargable = [
    "SELECT id FROM orders",
    "SELECT id FROM customers",
]
