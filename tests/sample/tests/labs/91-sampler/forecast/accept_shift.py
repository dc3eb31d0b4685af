# accepts: a shift
forecast = 1 << 10
