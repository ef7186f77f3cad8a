INSERT INTO north.charge VALUES (501), (502);
COMMIT;
UPDATE hq.code SET inactive = true;
