DELETE FROM hq.code WHERE id = 2;
DELETE FROM hq.place WHERE id = 2;
