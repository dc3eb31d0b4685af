-- The rows of the shop as DuckDB queries; run by generate.py after the macros of macros.sql.
--
-- Every value is a pure function of (seed, table, row number) in exact integer and decimal arithmetic: no random(),
-- no hash() (its values may change between DuckDB versions), no floating-point functions. Rows come out in key order.
-- $orders, $customers, $products, $accounts are row counts. Times are UTC.
-- `numbers` holds 1, 2, 3, ... in a column i: unlike range(), a table is scanned by several threads, in its order.

-- @rows customers
SELECT i::BIGINT AS id,
       styled(first || '.' || last || '.' || i || '@' || domain, draw(h, 5)) AS email,
       given(draw(h, 1)) || ' ' || family(draw(h, 2)) AS name,
       CASE WHEN below(h, 6, 10) >= 3
            THEN '+' || (30 + below(h, 7, 60)) || ' ' || (100000000 + below(h, 8, 900000000)) END AS phone,
       country(city_of(h)) AS country,
       city(city_of(h)) AS city,
       postcode(h) AS postcode,
       opening() + to_seconds((i * $span // $customers)::BIGINT) AS created_at
FROM (
    SELECT i, h,
           ascii_name(given(draw(h, 1))) AS first,
           ascii_name(family(draw(h, 2))) AS last,
           domain(draw(h, 4)) AS domain
    FROM (SELECT i, key(1, i) AS h FROM numbers WHERE i <= $customers)
);

-- @rows products
SELECT i::BIGINT AS id,
       upper(left(category(brand_of(h)), 3)) || '-' || lpad(i::VARCHAR, 7, '0') AS sku,
       adjective(draw(h, 2)) || ' ' || noun(brand_of(h), draw(h, 3)) || ' ' || (1 + below(h, 4, 900)) AS name,
       category(brand_of(h)) AS category,
       brand(brand_of(h)) AS brand,
       price(i) AS price,
       '{"colour": "' || colour(draw(h, 5)) || '", "weight_g": ' || (50 + below(h, 6, 5000))
           || CASE WHEN below(h, 7, 10) = 0 THEN ', "fragile": true' ELSE '' END || '}' AS attributes,
       1 AS version,
       CASE WHEN below(h, 8, 20) = 0
            THEN opening() + to_seconds(below(h, 9, $span)::BIGINT) END AS discontinued_at,
       opening() + to_seconds(below(h, 10, $span)::BIGINT) AS updated_at
FROM (SELECT i, key(2, i) AS h FROM numbers WHERE i <= $products);

-- @rows order_items
SELECT order_id::BIGINT AS order_id,
       line_no::INTEGER AS line_no,
       product_id,
       quantity::INTEGER AS quantity,
       price(product_id) AS unit_price
FROM (
    SELECT order_id, line_no,
           skewed(draw(h, 1), $products) AS product_id,
           1 + below(h, 2, 3) * below(h, 3, 2) AS quantity
    FROM (
        SELECT order_id, line_no, key(3, order_id * 5 + line_no) AS h
        FROM (
            SELECT order_id, unnest(range(1, lines + 1)) AS line_no
            FROM (SELECT i AS order_id, lines(key(4, i)) AS lines FROM numbers WHERE i <= $orders)
        )
    )
);

-- @rows orders
SELECT o.i::BIGINT AS id,
       customer_id,
       status(h, i, $orders) AS status,
       placed_at(h, i) AS placed_at,
       currency(place) AS currency,
       total,
       country(place) AS shipping_country,
       city(place) AS shipping_city,
       postcode(home) AS shipping_postcode,
       CASE WHEN below(h, 6, 100) < 3 THEN note(draw(h, 7)) END AS note
FROM (
    SELECT i, h, customer_id, home, city_of(home) AS place
    FROM (
        -- One order in twenty goes to another customer's address: a gift.
        SELECT i, h, customer_id,
               CASE WHEN below(h, 3, 20) = 0 THEN key(1, 1 + below(h, 4, $customers)) ELSE key(1, customer_id) END AS home
        FROM (
            SELECT i, h, skewed(draw(h, 1), $customers) AS customer_id
            FROM (SELECT i, key(4, i) AS h FROM numbers WHERE i <= $orders)
        )
    )
) o POSITIONAL JOIN (
    -- Every order has lines, so the totals in key order stand row by row beside the orders.
    SELECT total FROM (
        SELECT order_id, sum(quantity * unit_price)::DECIMAL(12, 2) AS total FROM order_items GROUP BY order_id
    ) ORDER BY order_id
) t;

-- @rows payments
SELECT row_number() OVER ()::BIGINT AS id,
       order_id,
       total AS amount,
       currency,
       method(draw(h, 1)) AS method,
       CASE WHEN attempt < attempts THEN 'failed'
            WHEN status = 'refunded' THEN 'refunded'
            ELSE 'captured' END AS status,
       CASE WHEN attempt = attempts THEN 'ch_' || draw(h, 2) || '_' || order_id END AS provider_reference,
       placed_at + to_seconds((attempt * 40 + below(h, 3, 30))::BIGINT) AS created_at
FROM (
    SELECT *, key(5, order_id * 2 + attempt) AS h
    FROM (
        SELECT id AS order_id, total, currency, status, placed_at, attempts, unnest(range(1, attempts + 1)) AS attempt
        FROM (
            SELECT *, 1 + (below(key(6, id), 1, 100) < 3)::INTEGER AS attempts
            FROM orders
            WHERE status NOT IN ('pending', 'cancelled')
        )
    )
);

-- @rows accounts
SELECT i::BIGINT AS id,
       given(draw(h, 1)) || ' ' || family(draw(h, 2)) AS owner,
       currency(city_of(h)) AS currency,
       (100 * (1 + below(h, 3, 50)))::DECIMAL(14, 2) AS balance,
       opening() + to_seconds(below(h, 4, $span)::BIGINT) AS updated_at
FROM (SELECT i, key(7, i) AS h FROM numbers WHERE i <= $accounts);

-- @rows inventory
SELECT i::BIGINT AS product_id,
       below(h, 1, 500)::INTEGER AS on_hand,
       CASE WHEN below(h, 2, 4) > 0 THEN (5 + below(h, 3, 40))::INTEGER END AS reorder_level,
       opening() + to_seconds(below(h, 4, $span)::BIGINT) AS updated_at
FROM (SELECT i, key(8, i) AS h FROM numbers WHERE i <= $products);
