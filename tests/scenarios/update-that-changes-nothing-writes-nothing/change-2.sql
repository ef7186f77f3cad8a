UPDATE hq.code SET price = price;
COMMIT;
UPDATE hq.code SET price = price + 1 WHERE id <= 3;
COMMIT;
UPDATE hq.code SET description = description;
