ALTER TABLE south.code DROP label;
