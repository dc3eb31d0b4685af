-- accepts: functional dependencies alone
CREATE STATISTICS IF NOT EXISTS city_of_postcode (dependencies) ON shipping_postcode, shipping_city FROM public.orders;
ANALYZE public.orders (shipping_city, shipping_postcode);
