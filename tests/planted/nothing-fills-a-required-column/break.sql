ALTER TABLE north.code ADD site text NOT NULL;
