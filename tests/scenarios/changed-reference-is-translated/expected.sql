-- Children go before their parents.
SELECT (SELECT count(*) FROM north.fee_schedule_line), (SELECT count(*) FROM north.fee_schedule), (SELECT count(*) FROM north.cpt_code);
--> 0 | 0 | 1
