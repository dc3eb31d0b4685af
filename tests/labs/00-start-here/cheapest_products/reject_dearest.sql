-- fails: the_cheapest_in_order -- "Rows come in no order"
SELECT id, name, price FROM products WHERE discontinued_at IS NULL ORDER BY price DESC, id LIMIT 5;
