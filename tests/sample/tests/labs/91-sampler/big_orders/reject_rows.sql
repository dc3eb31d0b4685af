-- fails: counts_each -- "each order counts"
SELECT amount FROM amounts WHERE amount >= 50
