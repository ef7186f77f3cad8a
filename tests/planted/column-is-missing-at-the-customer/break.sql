ALTER TABLE hq.code ADD note text;
