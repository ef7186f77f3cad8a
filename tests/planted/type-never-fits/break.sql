ALTER TABLE hq.code ADD since date;
ALTER TABLE north.code ADD since bigint;
