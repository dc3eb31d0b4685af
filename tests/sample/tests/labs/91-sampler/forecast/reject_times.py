# fails: doubles -- "ten times"
forecast = 10
