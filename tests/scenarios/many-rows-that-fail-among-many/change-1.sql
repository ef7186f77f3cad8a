INSERT INTO hq.code (id, code, price, units) SELECT n, 'C' || n, n, n % 20 FROM generate_series(1, 6000) n;
