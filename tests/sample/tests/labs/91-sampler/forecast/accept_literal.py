# accepts: worked out by hand
forecast = 1024
