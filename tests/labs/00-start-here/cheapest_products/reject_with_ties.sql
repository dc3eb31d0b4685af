-- fails: the_cheapest_in_order -- "6 rows"
SELECT id, name, price FROM products WHERE discontinued_at IS NULL ORDER BY price FETCH FIRST 5 ROWS WITH TIES;
