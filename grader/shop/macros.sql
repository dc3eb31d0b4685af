-- The vocabulary of rows.sql: draws, then the words of the domain.

-- mix: a bijection of 32-bit numbers that scatters them (xor-shift and multiply, twice), in exact unsigned arithmetic.
CREATE MACRO scatter(x, shift, factor) AS (xor(x, x >> shift) * factor) & 4294967295::UBIGINT;
CREATE MACRO mix(x) AS scatter(scatter(x, 16, 2146121005::UBIGINT), 15, 2221713035::UBIGINT);
CREATE MACRO settle(x) AS xor(x, x >> 16);
-- key: the source of all draws of one row of one table. draw: 32 bits. below: 0 .. n - 1.
CREATE MACRO key(stream, i) AS settle(mix((i::UBIGINT * 1 + stream::UBIGINT * 2654435769 + $seed::UBIGINT) & 4294967295));
CREATE MACRO draw(h, n) AS settle(mix((h + n::UBIGINT * 2246822519) & 4294967295));
CREATE MACRO below(h, n, bound) AS (draw(h, n) * bound::UBIGINT >> 32)::BIGINT;
-- skewed: 1 .. n with density falling like rank^(-2/3); the favourites are scattered over the numbers by a large prime.
CREATE MACRO cubed(x) AS (x * x >> 32) * x >> 32;
CREATE MACRO skewed(x, n) AS 1 + ((cubed(x) * n::UBIGINT >> 32) * 7368787 % n::UBIGINT)::BIGINT;
CREATE MACRO pick(words, x) AS words[1 + (x * len(words)::UBIGINT >> 32)::BIGINT];

-- Four years of trade, 2022-01-01 to 2026-01-01 (UTC).
CREATE MACRO opening() AS TIMESTAMP '2022-01-01 00:00:00';
-- Orders arrive in the order of their numbers, give or take three hours.
CREATE MACRO placed_at(h, i) AS
    opening() + to_seconds((10800 + i * ($span - 21600) // $orders + below(h, 2, 21600) - 10800)::BIGINT);
CREATE MACRO lines(h) AS [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 2][1 + below(h, 5, 14)];
CREATE MACRO price(i) AS (99 + (cubed(key(9, i)) * 50000 >> 32)::BIGINT)::DECIMAL(8, 0) * 0.01::DECIMAL(2, 2);
-- Pending: 30 % of the newest twentieth, 0.5 % of the rest: 2 % in all.
CREATE MACRO status(h, i, n) AS
    CASE WHEN i * 20 > n * 19
         THEN pick(['pending', 'pending', 'pending', 'paid', 'paid', 'shipped', 'shipped', 'shipped', 'delivered', 'cancelled'], draw(h, 8))
         WHEN below(h, 9, 1000) < 5 THEN 'pending'
         ELSE pick(['delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'shipped', 'cancelled', 'cancelled', 'refunded'], draw(h, 8)) END;
CREATE MACRO method(x) AS pick(['card', 'card', 'card', 'card', 'wallet', 'wallet', 'transfer', 'voucher'], x);
CREATE MACRO note(x) AS
    pick(['Leave with the neighbour', 'Gift: please don''t include the invoice', 'Ring twice', 'Call before delivery',
          'Fragile!', 'Second floor, left door', '100 % recycled packaging, please', 'Deliver after 18:00'], x);

-- city_of: skewed, so that the first city has about a third of all customers. country and currency follow the city.
CREATE MACRO city_of(h) AS 1 + (cubed(draw(h, 20)) * 24 >> 32)::BIGINT;
CREATE MACRO city(c) AS
    ['Lyon', 'Berlin', 'London', 'New York', 'Paris', 'São Paulo', 'Tokyo', 'Hamburg', 'Manchester', 'Chicago', 'Madrid', 'Milano',
     'Marseille', 'München', 'Leeds', 'Austin', 'Sevilla', 'Roma', 'Osaka', 'Recife', 'Kraków', 'Warszawa', 'Zürich', 'Genève'][c];
CREATE MACRO country(c) AS
    ['FR', 'DE', 'GB', 'US', 'FR', 'BR', 'JP', 'DE', 'GB', 'US', 'ES', 'IT',
     'FR', 'DE', 'GB', 'US', 'ES', 'IT', 'JP', 'BR', 'PL', 'PL', 'CH', 'CH'][c];
CREATE MACRO currency(c) AS
    ['EUR', 'EUR', 'GBP', 'USD', 'EUR', 'BRL', 'JPY', 'EUR', 'GBP', 'USD', 'EUR', 'EUR',
     'EUR', 'EUR', 'GBP', 'USD', 'EUR', 'EUR', 'JPY', 'BRL', 'PLN', 'PLN', 'CHF', 'CHF'][c];
-- postcode: twenty to a city, no two cities share one.
CREATE MACRO postcode(h) AS (city_of(h) + 9)::VARCHAR || lpad((1 + below(h, 21, 20))::VARCHAR, 3, '0');

CREATE MACRO given(x) AS
    pick(['Ada', 'Grace', 'Barbara', 'Edsger', 'Tony', 'Leslie', 'Radia', 'Jim', 'Margaret', 'Michael', 'Frances', 'José',
          'Zoë', 'Søren', 'Aiko', 'Noor', 'Chloé', 'Kenji', 'Olga', 'Priya', 'Kwame', 'Lucía', 'Tomasz', 'Mei'], x);
CREATE MACRO family(x) AS
    pick(['Ito', 'Silva', 'Martin', 'Schmidt', 'O''Brien', 'Núñez', 'Kowalski', 'Okafor', 'Rossi', 'Garcia', 'Müller', 'Smith',
          'Jones', 'Tanaka', 'Costa', 'Dubois', 'D''Angelo', 'Novak', 'Chen', 'Singh', 'Larsen', 'van Dijk', 'Moreau', 'Weber'], x);
CREATE MACRO ascii_name(word) AS replace(replace(strip_accents(lower(word)), '''', ''), ' ', '');
CREATE MACRO domain(x) AS pick(['example.com', 'example.com', 'example.com', 'example.org', 'example.org', 'mail.example', 'post.example'], x);
-- People type their address as they please: 10 % capitalise it, 5 % shout.
CREATE MACRO styled(address, x) AS
    CASE WHEN x < 214748364 THEN upper(address)
         WHEN x < 644245094 THEN upper(left(address, 1)) || substr(address, 2)
         ELSE address END;

CREATE MACRO brand_of(h) AS 1 + (cubed(draw(h, 1)) * 18 >> 32)::BIGINT;
CREATE MACRO brand(b) AS
    ['Kettle & Co', 'Northlamp', 'Papier', 'Velo', 'Hearth', 'Lumen', 'Inkwell', 'Ridge', 'Maison', 'Beacon', 'Quill', 'Summit',
     'Pantry', 'Glow', 'Folio', 'Trail', 'Copper', 'Wick'][b];
CREATE MACRO category(b) AS ['kitchen', 'lighting', 'stationery', 'outdoor', 'kitchen', 'lighting', 'stationery', 'outdoor', 'kitchen',
     'lighting', 'stationery', 'outdoor', 'kitchen', 'lighting', 'stationery', 'outdoor', 'kitchen', 'lighting'][b];
CREATE MACRO noun(b, x) AS
    CASE category(b) WHEN 'kitchen' THEN pick(['kettle', 'pan', 'knife', 'bowl', 'teapot', 'mug'], x)
                     WHEN 'lighting' THEN pick(['lamp', 'lantern', 'bulb', 'candle'], x)
                     WHEN 'stationery' THEN pick(['notebook', 'pen', 'ruler', 'envelope', 'ink'], x)
                     ELSE pick(['tent', 'bottle', 'rope', 'backpack', 'stove'], x) END;
CREATE MACRO adjective(x) AS pick(['Small', 'Large', 'Folding', 'Brass', 'Oak', 'Classic', 'Light', 'Travel', 'Enamel', 'Blue'], x);
CREATE MACRO colour(x) AS pick(['black', 'white', 'red', 'green', 'blue', 'copper'], x);
