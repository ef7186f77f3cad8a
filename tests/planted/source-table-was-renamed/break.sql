ALTER TABLE hq.code RENAME TO code_old;
