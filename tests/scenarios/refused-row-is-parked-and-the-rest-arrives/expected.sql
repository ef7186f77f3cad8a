SELECT code, description, price, short_name, kind FROM north.code ORDER BY code;
--> A00 | Cholera 3 | (null) | (null) | CPT
--> A01 | Typhoid | (null) | (null) | CPT
--> A02 | (null) | 1.00 | (null) | CPT
--> A03 | (null) | (null) | shig | CPT
--> A04 | (null) | (null) | (null) | HCPCS
--> A05 | Botulism | (null) | (null) | CPT
--> Z99 | (null) | (null) | chol | CPT

SELECT count(*) FROM acequia.parked;
--> 0
