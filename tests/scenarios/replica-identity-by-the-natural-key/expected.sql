SELECT * FROM north.payer ORDER BY seq_no;
--> 501 | 05302 | Gold Plus | 11
--> 601 | 05302 | Silver | 22
