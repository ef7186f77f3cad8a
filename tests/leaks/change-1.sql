-- Rows that arrive, and rows that are refused for every reason there is.
INSERT INTO hq.code VALUES (731640295118001, 'zq7leak fine', 'zq7leak d', 731640295118, 'zq7leak s', 'plain',
  '1907-03-21', '12', '1907-03-21', '{"zq7leak": 731640295118}', '{zq7leak}', 'zq7leak');
INSERT INTO hq.code (id, code, description) VALUES (731640295118002, 'zq7leak long', 'zq7leak ' || repeat('too long ', 9));
INSERT INTO hq.code (id, code, price) VALUES (731640295118003, 'zq7leak check', 731640295118999);
INSERT INTO hq.code (id, code, short_name) VALUES (731640295118004, 'zq7leak unique', 'zq7leak short in use');
INSERT INTO hq.code (id, code, kind) VALUES (731640295118005, 'zq7leak label', 'zq7leak label');
INSERT INTO hq.code (id, code, born) VALUES (731640295118006, 'zq7leak date', '1907-03-99 zq7leak');
INSERT INTO hq.code (id, code, amount) VALUES (731640295118007, 'zq7leak number', 'zq7leak 12');
INSERT INTO hq.code (id, code, amount) VALUES (731640295118008, 'zq7leak range', '731640295118');
INSERT INTO hq.code (id, code, description) VALUES (731640295118009, 'zq7leak trigger', 'zq7leak spoken');
INSERT INTO hq.code (id, code, description) VALUES (731640295118010, 'zq7leak silent', 'zq7leak swallowed');
INSERT INTO hq.code (id, code, born) VALUES (731640295118012, 'zq7leak no date', 'zq7leak');
INSERT INTO hq.code (id, code) VALUES (731640295118011, 'zq7leak deleted');
INSERT INTO hq.line VALUES (731640295118021, 731640295118001, 'zq7leak rev parent', 731640295118);
INSERT INTO hq.line VALUES (731640295118022, 731640295118000, NULL, 731640295118);
INSERT INTO hq.line VALUES (731640295118023, 731640295118000, 'zq7leak rev parent', 731640295118);
INSERT INTO hq.revenue_code VALUES ('zq7leak rev', 'zq7leak'), ('zq7leak rev long', 'zq7leak ' || repeat('too long ', 9));
INSERT INTO hq.payer VALUES (731640295118031, 'zq7leak two', 'zq7leak plan', 'zq7leak phone'), (731640295118032, 'zq7leak one', 'zq7leak plan', 'zq7leak phone');
INSERT INTO hq.word VALUES ('zq7leak word', 'zq7leak meaning'), ('zq7leak long word', 'zq7leak ' || repeat('too long ', 9));
