ALTER TABLE hq.code RENAME code TO number;
ALTER TABLE north.code RENAME code TO number;
