SELECT code_type, code FROM north.remittance_code ORDER BY 1, 2;
--> ADJREASON | 45
--> REMARK | 45
SELECT icd_version, code, description, favorite FROM north.icd_code ORDER BY 1, 2;
--> 10 | 4019 | Of north | t
--> 10 | I10 | Hypertension | t
SELECT code, description FROM north.adjustment_code;
--> CO45 | Contractual obligation
