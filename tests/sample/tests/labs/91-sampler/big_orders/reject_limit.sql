-- fails: counts_each -- "each order counts"
SELECT count(*) FROM (SELECT FROM amounts WHERE amount >= 50 LIMIT 2) AS s
