ALTER TABLE north.code DROP label, ADD label integer;
