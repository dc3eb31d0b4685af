-- fails: estimates_right -- "not independent"
ANALYZE orders;
