DROP TABLE north.code;
