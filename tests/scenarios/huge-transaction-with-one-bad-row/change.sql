INSERT INTO hq.code SELECT n, 'C' || n, 'Number ' || n, n FROM generate_series(1, 10000) n;
