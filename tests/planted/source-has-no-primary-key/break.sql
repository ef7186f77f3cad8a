ALTER TABLE hq.code DROP CONSTRAINT code_pkey, DROP CONSTRAINT code_code_key;
