-- A number is corrected on one side only.
UPDATE webpt.referring SET npi = '1245319599' WHERE seq_no = 1;
UPDATE webpt.referring SET last_name = 'Farr-Smith' WHERE seq_no = 2;
