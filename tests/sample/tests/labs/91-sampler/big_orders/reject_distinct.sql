-- fails: counts_each -- "each order counts"
SELECT count(DISTINCT amount) FROM amounts WHERE amount >= 50
