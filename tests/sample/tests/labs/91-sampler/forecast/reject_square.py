# fails: doubles -- "ten times"
forecast = 100
