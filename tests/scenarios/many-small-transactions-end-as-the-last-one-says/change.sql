-- 300 transactions over the same ten codes: created, renamed, changed, deleted, created again.
DO $$
BEGIN
  FOR i IN 1..300 LOOP
    INSERT INTO hq.code (id, code, price) VALUES (i, 'C' || i % 10, i);
    COMMIT;
    IF i % 3 = 0 THEN UPDATE hq.code SET code = code || 'x', description = 'renamed ' || i WHERE id = i; COMMIT; END IF;
    UPDATE hq.code SET price = price + 1000;
    IF i > 5 THEN DELETE FROM hq.code WHERE id = i - 5; END IF;
    COMMIT;
  END LOOP;
END $$;
