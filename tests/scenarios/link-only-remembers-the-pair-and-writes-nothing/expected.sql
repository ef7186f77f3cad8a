SELECT p.seq_no, p.payer_name FROM billing.payer p JOIN public.version v ON (v.place, v.writer) = (p.ctid, p.xmin::text) ORDER BY 1;
--> 7001 | Aetna
--> 7002 | Cahaba

SELECT count(*) FROM acequia.parked;
--> 0
