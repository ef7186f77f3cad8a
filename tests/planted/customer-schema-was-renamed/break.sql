ALTER SCHEMA north RENAME TO cust_north;
