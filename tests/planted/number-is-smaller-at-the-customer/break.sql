ALTER TABLE hq.code ADD units bigint;
ALTER TABLE north.code ADD units smallint;
