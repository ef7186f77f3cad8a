DELETE FROM hq.code;
