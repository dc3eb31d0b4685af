-- fails: the_cheapest_in_order -- "equal ones are not by id"
SELECT id, name, price FROM products WHERE discontinued_at IS NULL ORDER BY price LIMIT 5;
