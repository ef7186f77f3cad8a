DELETE FROM hq.code;
DELETE FROM hq.place;
