INSERT INTO hq.kinds VALUES (1, 'plain', true, -32768, 2147483647, 0.1, 0.1, 12345678901234567890.123456789, 0.0001, 12.34,
  'x', 'Ä', '\x00ff5c27', '2026-02-28', '23:59:59.999999', '12:00:00+05:30', '2026-03-08 02:30:00', '2026-11-01 05:30:00+00', '1 mon -2 days 03:04:05.6',
  '00000000-0000-4000-8000-00000000000f', '{"b": 1,  "a": [null]}', '{"b": 1, "a": [null]}', '<a b="c">&amp;</a>', '10.0.0.1/24', '08:00:2b:01:02:03', B'10101',
  '(1.5,-2)', 'cat:3 dog', '{1,NULL,3}', '{a,"b,c",NULL,"NULL","\"\\"}', '[1,5)', '{[2026-01-01,2026-02-01)}', '[2025-10-01,)');
INSERT INTO hq.kinds (id, name, f4, f8, n, d, ts, tstz, iv, by, r, ia) VALUES
  (2, 'odd', 'NaN', '-Infinity', 'NaN', '0044-03-15 BC', 'infinity', '-infinity', '-178000000 years', '', 'empty', '[0:1]={7,8}'),
  (3, 'edges', 3.4e38, 5e-324, 1e-100, '5874897-12-31', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999+00', '178000000 years', NULL, '(,)', '{}'),
  (4, 'nothing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE public.version (place tid, writer text, name text);
