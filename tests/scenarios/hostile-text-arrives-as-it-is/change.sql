INSERT INTO hq.note (name, text) VALUES
  ('empty', ''), ('null', NULL), ('the word', 'NULL'), ('copy null', '\N'), ('end of copy', E'\\.\n\\.'),
  ('tab', E'a\tb'), ('line', E'a\nb\r\nc'), ('backslash', 'C:\new\table\'), ('quote', 'O''Brien "x" `y`'),
  ('controls', E'\x01\x08\x0b\x0c\x1b\x7f'), ('emoji', '👩‍⚕️ Ünïcödé אבג'), ('json', '{"a": [1, "]"]}'), ('array', '{1,"2",NULL}'),
  ('spaces', '  both  '), ('sql', '''; DROP TABLE x; --'), ('dollar', '$1 $$ %s ${x}'), (E'key\twith\n''all\\', 'x'), ('', 'empty key');
COMMIT;
UPDATE hq.note SET text = text || E'\\N\t\n' WHERE text IS NOT NULL;
COMMIT;
UPDATE hq.note SET name = name || E'\t\\' WHERE name LIKE 'k%';
