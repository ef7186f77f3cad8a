SELECT code_type, code, report_description FROM north.remittance_code ORDER BY 1, 2;
--> ADJREASON | 45 | Contractual
--> REMARK | 45 | Of north
--> REMARK | N1 | Appeal
SELECT icd_version, code, description, favorite FROM north.icd_code ORDER BY 1, 2;
--> 9 | 4019 | Hypertension | t
--> 10 | 4019 | Of north | t
