UPDATE hq.icd_code SET icd_version = 10, code = 'I10' WHERE code = '4019';
DELETE FROM hq.remittance_code WHERE code_type = 'REMARK';
UPDATE hq.adjustment_code SET description = 'Contractual obligation';
