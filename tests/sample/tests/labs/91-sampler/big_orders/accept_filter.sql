-- accepts: an aggregate filter
SELECT count(*) FILTER (WHERE amount >= 50) FROM amounts
