-- fails: counts_each -- "each order counts"
SELECT count(*) FROM amounts WHERE amount > 50
