SELECT npi, last_name FROM north.provider;
--> 1679576722 | Snow
