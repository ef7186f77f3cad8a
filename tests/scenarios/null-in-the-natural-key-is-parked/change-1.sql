-- NULL is equal to nothing: nobody can say which of the customer's rows that is.
INSERT INTO hq.code VALUES (1, '97110', 'GP', 10), (2, '97110', NULL, 20);
