-- accepts: adds ones
SELECT sum(1) FROM amounts WHERE NOT amount < 50
