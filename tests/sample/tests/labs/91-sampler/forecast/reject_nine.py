# fails: doubles -- "ten times"
forecast = 512
