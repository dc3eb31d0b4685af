# fails: doubles -- "ten times"
forecast = 2048
