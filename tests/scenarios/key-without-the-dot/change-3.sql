DELETE FROM hq.code WHERE id = 1;
