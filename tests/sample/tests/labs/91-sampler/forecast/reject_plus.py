# fails: doubles -- "ten times"
forecast = 20
