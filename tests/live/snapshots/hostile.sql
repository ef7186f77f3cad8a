-- Every type, and the values that spoil formats. It is run with search_path on the customer's schema.
CREATE TYPE color AS ENUM ('red', 'with space', E'tab\there', 'ü');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN amount AS numeric(10,2);
CREATE DOMAIN remark AS varchar(50);
CREATE DOMAIN second_remark AS remark;

CREATE TABLE texts (id int PRIMARY KEY, t text, v varchar(200), c char(4), n name, q "char", e color, d second_remark,
                    j json, jb jsonb, x xml, ts tsvector, tq tsquery);
COMMENT ON TABLE texts IS E'dat=B_TEXTS; it''s \\ and\nmore';
COMMENT ON COLUMN texts.t IS 'dat=nothing';
INSERT INTO texts (id, t) VALUES
  (1, NULL), (2, ''), (3, ' '), (4, E'tab\there'), (5, E'line\nfeed'), (6, E'carriage\r\nreturn'), (7, E'\f\v\b'), (8, E'\x01\x1f\x7f'),
  (9, '\'), (10, 'C:\new\table'), (11, '\N'), (12, '\.'), (13, '\\N'), (14, '"quoted", ''twice'''), (15, 'a;b|c,d'), (16, '🐟 four bytes'),
  (17, U&'zero\200Bwidth\FEFF'), (18, U&'\202Eright to left \0634\0644'), (19, 'NULL'), (20, 'null'), (21, U&'next\0085line'),
  (22, U&'line\2028separator'), (23, '=1+1'), (24, '-5'), (25, E'\t=1'), (26, repeat(E'\\long\t🐟', 60000)), (27, 'Größe ©'), (28, E'\\t'),
  (29, 'trailing '), (30, E'\n');
INSERT INTO texts (id, v, c, n, q, e, d, j, jb, x, ts, tq) VALUES
  (101, 'varchar', 'ab', 'a name', 'x', 'red', 'domain', '{"a": [1, null, "\t"]}', '{"a": [1, null, "\t\\"]}', '<a b="c">d</a>', 'fat:1A cat:2', 'fat & !cat'),
  (102, '', '', '', '', 'with space', '', E'{"pretty":\n  1}', '"text"', E'<a>\n</a>', '', ''),
  (103, E'\\', 'AB  ', E'a\\b', E'\\', E'tab\there', E'x\ty', 'null', 'null', '<é/>', '''a b'':3', '''x y'''),
  (104, 'ß', 'éü', NULL, NULL, 'ü', NULL, '""', '{}', NULL, NULL, NULL);

CREATE TABLE numbers (id int PRIMARY KEY, si smallint, bi bigint, n numeric, ns numeric(30,10), r real, d double precision, m money, b boolean, a amount);
INSERT INTO numbers VALUES
  (1, -32768, -9223372036854775808, 'NaN', -12345678901234567890.0123456789, '-0', '-0', '-92233720368547758.08', true, -0.01),
  (2, 32767, 9223372036854775807, 'Infinity', 0, 'NaN', 'Infinity', '92233720368547758.07', false, 99999999.99),
  (3, 0, 0, '-Infinity', 0.0000000001, '1e-45', '5e-324', '0', NULL, NULL),
  (4, NULL, NULL, (repeat('9', 131072) || '.' || repeat('7', 16383))::numeric, NULL, 0.1, 0.1, '1234.5', NULL, 0),
  (5, 1, 1, 0.000, 1.5, 3.4028235e38, 1.7976931348623157e308, NULL, NULL, 1),
  (6, NULL, NULL, -1e-16000, NULL, '-Infinity', 'NaN', NULL, NULL, NULL);

CREATE TABLE times (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, ts3 timestamp(3), t time, ttz timetz, iv interval);
INSERT INTO times VALUES
  (1, 'infinity', '-infinity', 'infinity', '2026-01-16 08:30:00.125', '24:00', '08:30:00-05', '1 year -2 months 3 days -04:05:06.7'),
  (2, '4713-01-01 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00 BC', NULL, '00:00', '24:00:00+15:59', '-178000000 years'),
  (3, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 12:00:00.5+00', NULL, '23:59:59.999999', '00:00:00.5+00', '0'),
  (4, '0001-01-01', '0001-01-01', '0001-01-02 00:00:00+00', NULL, '08:30', NULL, '1 mon'),
  (5, '9999-12-31', '9999-12-31 23:59:59', '9999-12-31 23:59:59+00', NULL, NULL, NULL, '-1 sec'),
  (6, '2026-11-01', '2026-11-01 01:30:00', '2026-11-01 05:30:00+00', NULL, NULL, NULL, '1 day -1 sec'),
  (7, '2026-03-08', '2026-03-08 02:30:00', '2026-11-01 06:30:00+00', NULL, NULL, NULL, '.000001 sec'),
  (8, NULL, NULL, '2026-11-01 06:30:00.25+00', NULL, NULL, NULL, NULL),
  (9, '1600-02-29', '1600-02-29 00:00', '1600-02-29 00:00:00+00', '1999-12-31 23:59:59.9996', NULL, NULL, NULL);

CREATE TABLE others (id int PRIMARY KEY, u uuid, ip inet, ci cidr, ma macaddr, m8 macaddr8, bt bit(5), bv bit varying, p point, ln line, ls lseg, bx box, pa path,
                     po polygon, ce circle, ir int4range, nr numrange, tr tstzrange, mr int4multirange, ai int[], a2 text[], ae color[], co pair, ac pair[],
                     lsn pg_lsn, oi oid, rc regclass, tm timestamptz[]);
INSERT INTO others VALUES
  (1, '00000000-0000-0000-0000-0000000000ff', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', B'1', '(1,-2.5)', '{1,2,3}',
   '[(1,2),(3,4)]', '((3,4),(1,2))', '[(1,2),(3,4)]', '((1,2),(3,4))', '<(1,2),3>', '[1,5)', '(,1.5]', '[2026-01-01 00:00+00,)', '{[1,3),[5,7)}', '{1,NULL,-3}',
   ARRAY[ARRAY['a', NULL], ARRAY['', E'x\\"y']], '{red,NULL,"with space"}', ROW(1, 'x'), ARRAY[ROW(1, 'a,b')::pair, NULL], '16/B374D848', 4294967295, 'pg_class',
   '{"2026-11-01 05:30:00+00",infinity}'),
  (2, NULL, '::1', '::/0', NULL, NULL, NULL, B'', '(Infinity,NaN)', NULL, NULL, NULL, '((1,2))', NULL, NULL, 'empty', 'empty', 'empty', '{}', '{}', '{}', '{}',
   ROW(NULL, NULL), '{}', '0/0', 0, NULL, '{}'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[0:1]={7,8}',
   ARRAY[E'tab\t', E'line\n', '{}', ',', '"', 'NULL'], NULL, ROW(NULL, E'\n'), NULL, NULL, NULL, NULL, NULL);

CREATE TABLE bytes (id int PRIMARY KEY, b bytea, secret bytea);
INSERT INTO bytes VALUES (1, '\x', '\x00'), (2, '\x00ff0a090d5c', NULL), (3, NULL, NULL), (4, decode(repeat('00ff5c0a', 200000), 'hex'), NULL);

CREATE TABLE partitioned (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE partitioned_east PARTITION OF partitioned FOR VALUES IN ('east');
CREATE TABLE partitioned_rest PARTITION OF partitioned DEFAULT;
INSERT INTO partitioned SELECT i, CASE WHEN i % 2 = 0 THEN 'east' ELSE 'west' END FROM generate_series(1, 20) i;

CREATE TABLE parent (a text);
CREATE TABLE child (b text) INHERITS (parent);
INSERT INTO parent VALUES ('parent');
INSERT INTO child VALUES ('child', 'b');

CREATE TABLE generated (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int NOT NULL, twice int GENERATED ALWAYS AS (a * 2) STORED, dropped text);
ALTER TABLE generated DROP COLUMN dropped;
INSERT INTO generated (a) SELECT i FROM generate_series(1, 5) i;

CREATE TABLE no_key (a text, b text);
INSERT INTO no_key VALUES ('same', NULL), ('same', NULL), (NULL, ''), ('', '');
CREATE INDEX ON no_key (a);
CREATE TABLE one_column (a text);
INSERT INTO one_column VALUES (''), (NULL), ('x');
CREATE TABLE no_rows (id int PRIMARY KEY, t text NOT NULL UNIQUE);
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 3);
CREATE TABLE not_null (id int PRIMARY KEY, t text NOT NULL, d date NOT NULL, f float8 NOT NULL, v tsvector NOT NULL);
INSERT INTO not_null VALUES (1, '', 'infinity', 'NaN', ''), (2, 'x', '2026-01-01', 1, 'x');

CREATE TABLE "Say ""x""; DROP TABLE y --" ("a b" int, "select" text, "TAB	here" text, "CUSTNO" int, "ä" text, "Ä" text, PRIMARY KEY ("a b"));
INSERT INTO "Say ""x""; DROP TABLE y --" VALUES (1, 'a', 'b', 2, 'c', 'd');
CREATE TABLE "Texts" (id int PRIMARY KEY);
INSERT INTO "Texts" VALUES (1);
CREATE TABLE "NUL" (id int PRIMARY KEY);
