ALTER TABLE north.code DROP CONSTRAINT code_pkey;
