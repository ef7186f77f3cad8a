UPDATE hq.code SET inactive = true WHERE id IN (1, 2);
DELETE FROM hq.code WHERE id IN (3, 4);
