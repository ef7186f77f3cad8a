ALTER TABLE north.code ALTER label TYPE varchar(10);
