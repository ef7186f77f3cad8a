ALTER TABLE hq.code ALTER label TYPE varchar(40);
ALTER TABLE north.code ALTER label TYPE varchar(10);
