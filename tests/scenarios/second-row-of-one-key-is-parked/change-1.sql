-- One electronic payer id for two plans: the master takes it, the customer does not.
INSERT INTO hq.code VALUES (1, '05302', 'One plan', 10), (2, '05302', 'Another plan', 20);
