INSERT INTO hq.code (id, code, description, price) SELECT n, 'C' || n, 'Code ' || n, n FROM generate_series(1, 1000) n;
