-- The same number in another writing is another value.
UPDATE hq.kinds SET n = 12345678901234567890.1234567890, iv = '1 mon -3 days 27:04:05.6', j = '{"b": 1, "a": [null]}' WHERE name = 'plain';
