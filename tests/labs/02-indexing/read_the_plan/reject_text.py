# rejected -- "must be a dict"
read_the_plan = "Seq Scan on orders, 9995 rows removed"
