INSERT INTO hq.line VALUES (1, 'odd', 1, 'null', '{"a":  1, "a": 2}', '[2:3]={7,8}', 1.500, E'tab\tline\nback\\slash "quote"', 'NaN', '\x00ff', 'ab', true, '[1,5)');
