SELECT code, claim_code, price FROM north.code;
--> t1016-cm | T1016-CM | 11.00
