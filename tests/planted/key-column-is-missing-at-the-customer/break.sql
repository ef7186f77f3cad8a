ALTER TABLE north.code RENAME code TO number;
