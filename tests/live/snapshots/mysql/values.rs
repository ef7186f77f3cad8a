//! What goes in is what is there, or is named.

use acequia::config::OnLoss;
use acequia::snapshot::mysql::Error;

use super::{Run, losses, tables};
use crate::support::{Cluster, Mysql};

/// A column of each type and values that something has stumbled over, somewhere.
pub(super) const TYPES: &str = r#"
CREATE SCHEMA north;
CREATE TYPE north.mood AS ENUM ('sad', 'ok', 'it''s');
CREATE TYPE north.odd AS ENUM ('a', 'A', 'x ');
CREATE DOMAIN north.code AS varchar(12);
CREATE TYPE north.pair AS (x int, y text);
CREATE TABLE north.everything (
  id int PRIMARY KEY, small smallint, big bigint, exact numeric(30,10), tens numeric(3,-2), wide numeric(80,40),
  free numeric, r real, d double precision, m money, b boolean, c char(5), long_c char(300), v varchar(20), t text,
  e north.mood, o north.odd, dom north.code, born date, ts timestamp, tz timestamptz, tod time, todz timetz, i interval,
  u uuid, net inet, bits bit varying, r4 int4range, p point, comp north.pair, a int[], a2 text[][], j json, jb jsonb,
  x xml, vec tsvector, raw bytea, gen text GENERATED ALWAYS AS (upper(t)) STORED);
INSERT INTO north.everything (id, small, big, exact, tens, wide, free, r, d, m, b, c, long_c, v, t, e, o, dom, born, ts,
  tz, tod, todz, i, u, net, bits, r4, p, comp, a, a2, j, jb, x, vec, raw) VALUES
 (1, -32768, 9223372036854775807, 12345678901234567890.0123456789, 12300, 1234567890123456789012345678901234567890.5,
  1.50, 3.4028235e38, 1.7976931348623157e308, '-$1,234.56', true, 'ab', 'long', 'tab	nl
cr', E'\f\x0b\b\\N \\ \r\n ''"` 🐟 ' || U&'\200B\202E' || chr(1), 'it''s', 'A', 'D', '2026-01-16', '2026-01-16 08:30:00.000001',
  '2026-11-01 01:30:00-05', '24:00', '08:30:00.5+05:30', '-1 mon +3 days -04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  '::1/128', B'10110', '[1,5)', '(1.5,-2)', '(1,"a,b")', '{1,NULL,3}', '{{a,NULL},{"b,c","d\"e"}}', '{"b" : 1, "a":[1.10]}',
  '{"k": "🐟\t"}', '<a>&amp;</a>', 'a:1 fat:2', decode('00ff5c090a0d1a27', 'hex')),
 (2, 32767, -9223372036854775808, -0.0000000001, -300, -0.0000000000000000000000000000000000000001, 0.000, -0.0, '-0', '$0.00',
  false, '', '', '', '', 'sad', 'x ', '', '1000-01-01', '9999-12-31 23:59:59.999999', '1000-01-01 00:00:00+00', '00:00', '00:00+00',
  '0', '00000000-0000-0000-0000-000000000000', '10.0.0.0/8', B'', 'empty', '(0,0)', '(,)', '{}', '{}', 'null', '[]', '', '', ''),
 (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE north.lossy (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, n numeric, p numeric(5,2), f float8);
INSERT INTO north.lossy VALUES (1, 'infinity', '-infinity', 'infinity', 'NaN', 'NaN', 'NaN'),
 (2, '0044-03-15 BC', '0999-12-31 23:59:59', '10000-01-01 00:00:00+00', ('1e40')::numeric, 1, '-Infinity'),
 (3, '0999-12-31', '294276-12-31 23:59:59', '0001-01-01 00:00:00+00 BC', 'Infinity', 2.5, 1.5),
 (4, '2026-01-16', '2026-01-16 00:00:00', '2026-01-16 00:00:00+00', 1.25, 3, 2),
 (5, NULL, NULL, NULL, ('0.' || repeat('0', 30) || '1')::numeric, NULL, NULL);
CREATE TABLE north.nothing (id int PRIMARY KEY, t text);
CREATE TABLE north.bare ();
INSERT INTO north.bare DEFAULT VALUES; INSERT INTO north.bare DEFAULT VALUES;
CREATE TABLE north."Odd `name` ""x""" ("a `b`" int, "c ""d""" text, "C ""D""" text, "fish 🐟" int);
INSERT INTO north."Odd `name` ""x""" VALUES (1, 'one', 'two', 3);
CREATE TABLE north.item (code text PRIMARY KEY, name varchar(20) UNIQUE, kind text, note text);
CREATE INDEX item_kind ON north.item (kind);
INSERT INTO north.item VALUES ('CPT-99213', 'AB', 'x', NULL), ('cpt-99213', 'AB ', 'x', ''), ('AB', 'Jose', 'y', 'n'),
 ('AB ', 'José', 'y', 'n'), ('ab', 'jose', '', 'n');
CREATE TABLE north.partitioned (id int, part int) PARTITION BY LIST (part);
CREATE TABLE north.partitioned_1 PARTITION OF north.partitioned FOR VALUES IN (1);
INSERT INTO north.partitioned VALUES (1, 1), (2, 1);
COMMENT ON TABLE north.item IS 'it''s dat=B_ITEM'; COMMENT ON COLUMN north.item.code IS 'the `code`';
"#;

/// Columns whose text the two servers have in common, once both are asked in the same words.
const COMMON: [(&str, &str); 35] = [
    ("small", "small"),
    ("big", "big"),
    ("exact", "exact"),
    ("tens", "tens"),
    ("wide", "wide"),
    ("REPLACE(r, 'e', 'e+')", "r::text::float8"),
    ("REPLACE(d, 'e', 'e+')", "d + 0"),
    ("m", "m::numeric"),
    ("b", "b::int"),
    ("c", "c::text"),
    ("long_c", "rpad(long_c, 300)"),
    ("v", "v"),
    ("t", "t"),
    ("e", "e"),
    ("o", "o"),
    ("dom", "dom"),
    ("born", "born"),
    ("ts", "to_char(ts, 'YYYY-MM-DD HH24:MI:SS.US')"),
    ("tz", "to_char(tz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"),
    ("todz", "todz"),
    ("i", "i"),
    ("u", "u"),
    ("net", "net"),
    ("bits", "bits"),
    ("r4", "r4"),
    ("p", "p"),
    ("comp", "comp"),
    ("a", "to_jsonb(a)"),
    ("a2", "to_jsonb(a2)"),
    ("j", "j"),
    ("jb", "jb"),
    ("x", "x"),
    ("vec", "vec"),
    ("LOWER(HEX(raw))", "encode(raw, 'hex')"),
    ("gen", "gen"),
];

#[test]
fn every_value_is_what_it_was() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TYPES);
    let manifest =
        Run::new(server, &database, "snap_values_{customer}", &["north"]).publish().expect("published");
    for (mysql, postgres) in COMMON {
        let there = server.query(&format!("SELECT {mysql} FROM snap_values_north.everything ORDER BY id"));
        let here = format!(
            "SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'; SELECT {postgres} FROM north.everything ORDER BY id"
        );
        assert_eq!(there, database.session().query(&here), "{mysql}");
    }
    let tod = server.query("SELECT tod, free + 0 FROM snap_values_north.everything ORDER BY id");
    let tod: Vec<&str> = tod.iter().map(|row| row[0].as_deref().unwrap_or("NULL")).collect();
    assert_eq!(tod, ["24:00:00.000000", "00:00:00.000000", "NULL"]);
    assert_eq!(losses(&manifest, "everything"), Vec::<String>::new());
    let odd = server.query("SELECT * FROM snap_values_north.`Odd ``name`` \"x\"`");
    assert_eq!(odd[0].iter().flatten().collect::<Vec<_>>(), ["1", "one", "two", "3"]);
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_values_north.bare"), "2");
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_values_north.nothing"), "0");
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_values_north.partitioned"), "2");
}

#[test]
fn keys_are_kept_and_compare_bytes() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TYPES);
    Run::new(server, &database, "snap_keys_{customer}", &["north"]).publish().expect("published");
    let count = |condition: &str| {
        server.value(&format!("SELECT COUNT(*) FROM snap_keys_north.item WHERE {condition}"))
    };
    assert_eq!(count("TRUE"), "5");
    assert_eq!([count("code = 'cpt-99213'"), count("code = 'AB'"), count("name = 'Jose'")], ["1", "1", "1"]);
    let create =
        server.query("SHOW CREATE TABLE snap_keys_north.item").remove(0).remove(1).expect("a definition");
    for part in [
        "`code` varchar(768) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL COMMENT 'the `code`'",
        "`name` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "PRIMARY KEY (`code`)",
        "UNIQUE KEY `item_name_key` (`name`)",
        "KEY `item_kind` (`kind`(191))",
        "COMMENT='it''s dat=B_ITEM'",
    ] {
        assert!(create.replace("varchar(767)", "varchar(768)").contains(part), "{part}\n{create}");
    }
}

#[test]
fn what_the_server_has_no_place_for_is_null_and_counted() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TYPES);
    let manifest =
        Run::new(server, &database, "snap_lossy_{customer}", &["north"]).publish().expect("published");
    assert_eq!(
        losses(&manifest, "lossy"),
        [
            "d infinity 1",
            "d year_out_of_range 2",
            "ts infinity 1",
            "ts year_out_of_range 2",
            "tz infinity 1",
            "tz year_out_of_range 2",
            "n not_a_number 2",
            "n digits 2",
            "p not_a_number 1",
            "f not_a_number 2"
        ]
    );
    let nulls = "SELECT COUNT(*) - COUNT(d), COUNT(*) - COUNT(ts), COUNT(*) - COUNT(tz), COUNT(*) - COUNT(n), \
                 COUNT(*) - COUNT(p), COUNT(*) - COUNT(f) FROM snap_lossy_north.lossy";
    let nulls = server.query(nulls).remove(0);
    assert_eq!(nulls.iter().flatten().collect::<Vec<_>>(), ["4", "4", "4", "4", "2", "3"]);
    let told = "SELECT losses FROM snap_lossy_north.acequia_manifest WHERE table_name = 'lossy'";
    assert!(server.value(told).contains("\"infinity\":1"), "{}", server.value(told));
}

#[test]
fn on_loss_text_keeps_every_value_as_postgresql_writes_it() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TYPES);
    let run = Run::new(server, &database, "snap_text_{customer}", &["north"]).on_loss(OnLoss::Text);
    let manifest = run.publish().expect("published");
    assert_eq!(losses(&manifest, "lossy"), Vec::<String>::new());
    let there = server.query("SELECT d, ts, tz, n, p, f FROM snap_text_north.lossy ORDER BY id");
    let here = "SET TimeZone = 'UTC'; SELECT d, ts, tz, n, p, f FROM north.lossy ORDER BY id";
    assert_eq!(there, database.session().query(here));
    let kind = "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'snap_text_north' \
                AND TABLE_NAME = 'everything' AND COLUMN_NAME = 'born'";
    assert_eq!(server.value(kind), "date", "a column that loses nothing keeps its type");
}

#[test]
fn on_loss_fail_leaves_the_last_snapshot() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute("CREATE SCHEMA north; CREATE TABLE north.t (id int PRIMARY KEY, d date); INSERT INTO north.t VALUES (1, '2026-01-01')");
    let run = |name: &str| {
        Run::new(server, &database, "snap_fail_{customer}", &["north"]).named(name).on_loss(OnLoss::Fail)
    };
    run("one").publish().expect("nothing is lost");
    database.execute("INSERT INTO north.t VALUES (2, 'infinity')");
    let error = run("two").publish().expect_err("infinity is lost");
    assert!(matches!(error, Error::Loss { .. }), "{error}");
    assert!(error.to_string().contains("d (1: infinity)"), "{error}");
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_fail_north.t"), "1");
}

#[test]
fn customers_in_one_table_are_told_apart() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    for (schema, more) in [("north", ""), ("south", ", extra date")] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (id int PRIMARY KEY, name text{more}); \
             INSERT INTO {schema}.t (id, name) VALUES (1, '{schema}')"
        ));
    }
    let manifest =
        Run::new(server, &database, "snap_combined", &["north", "south"]).publish().expect("published");
    let rows = server.query("SELECT custno, id, name, extra FROM snap_combined.t ORDER BY custno");
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect()).collect();
    assert_eq!(rows, [["north", "1", "north", "NULL"], ["south", "1", "south", "NULL"]]);
    assert_eq!(manifest.datasets[0].rows_by_customer, [("north".to_owned(), 1), ("south".to_owned(), 1)]);
    assert_eq!(tables(server, "snap_combined"), ["acequia_manifest", "t"]);
}

#[test]
fn a_key_longer_than_the_server_has_becomes_text_and_json_that_it_refuses_too() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.long (code text PRIMARY KEY, n int); \
         INSERT INTO north.long SELECT repeat('x', 5000) || i, i FROM generate_series(1, 3) i; \
         CREATE TABLE north.deep (id int PRIMARY KEY, j jsonb, k json); \
         INSERT INTO north.deep VALUES (1, (repeat('[', 200) || repeat(']', 200))::jsonb, '{}'), (2, '{\"a\": 1}', '[]')",
    );
    Run::new(server, &database, "snap_wide_{customer}", &["north"]).publish().expect("published");
    assert_eq!(server.value("SELECT SUM(LENGTH(code)) FROM snap_wide_north.long"), "15003");
    assert_eq!(server.value("SELECT LENGTH(j) FROM snap_wide_north.deep WHERE id = 1"), "400");
}

#[test]
fn without_local_infile_rows_are_inserted() {
    let server = Mysql::start(&["--local-infile=OFF"]);
    let database = Cluster::shared().database();
    database.execute(TYPES);
    database
        .execute("INSERT INTO north.nothing SELECT i, repeat('x', i % 100) FROM generate_series(1, 20000) i");
    Run::new(&server, &database, "snap_insert_{customer}", &["north"]).publish().expect("published");
    let there = server.query("SELECT t, HEX(raw), j FROM snap_insert_north.everything ORDER BY id");
    let here = database.query("SELECT t, upper(encode(raw, 'hex')), j FROM north.everything ORDER BY id");
    assert_eq!(there, here);
    assert_eq!(server.value("SELECT SUM(LENGTH(t)) FROM snap_insert_north.nothing"), "990000");
}

#[test]
fn a_value_of_a_hundred_megabytes_arrives() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.t (id int PRIMARY KEY, big text, raw bytea); \
         INSERT INTO north.t VALUES (1, repeat('0123456789', 10000000), NULL), (2, 'x', decode(repeat('00ff', 5000000), 'hex'))",
    );
    Run::new(&server, &database, "snap_big_{customer}", &["north"]).publish().expect("published");
    assert_eq!(server.value("SELECT LENGTH(big) FROM snap_big_north.t WHERE id = 1"), "100000000");
    assert_eq!(server.value("SELECT LENGTH(raw) FROM snap_big_north.t WHERE id = 2"), "10000000");
}
