//! What COPY text becomes, whatever way it is cut.

use proptest::prelude::*;

use super::*;
use crate::name::{Ident, TableName};
use crate::snapshot::loss::Loss;
use crate::snapshot::table::{Column, Table};

fn ident(name: &str) -> Ident {
    Ident::new(name).expect("a name")
}

fn table(classes: &[Class]) -> Table {
    let column = |(place, class): (usize, &Class)| Column {
        name: ident(&format!("c{place}")),
        class: class.clone(),
        type_text: String::new(),
        not_null: false,
        comment: None,
    };
    Table {
        name: TableName { schema: ident("hq"), table: ident("t") },
        oid: 1,
        comment: None,
        may_select: true,
        partitioned: false,
        rows_estimate: 0,
        size_bytes: 0,
        columns: classes.iter().enumerate().map(column).collect(),
        indexes: Vec::new(),
    }
}

fn layout(classes: &[Class], combined: bool) -> Layout {
    Layout::new(&table(classes), combined, &BTreeSet::new())
}

fn passed(layout: &Layout, style: Style, copy: &[u8], size: usize) -> Result<(String, Counts), Malformed> {
    let mut pass = Pass::new(layout, style);
    let mut out = Vec::new();
    pass.begin("north");
    for piece in copy.chunks(size) {
        pass.push(piece, &mut out)?;
    }
    pass.end()?;
    let counts = pass.finish(&mut out);
    assert_eq!(counts.bytes, out.len() as u64);
    Ok((String::from_utf8(out).expect("UTF-8"), counts))
}

fn sum(values: &[&str]) -> Sum {
    let one = |value: &&str| {
        let mut crc = flate2::Crc::new();
        crc.update(value.as_bytes());
        u64::from(crc.sum())
    };
    Sum { present: values.len() as u64, crc: Some(values.iter().map(one).sum()) }
}

#[test]
fn lines_are_those_of_load_data() {
    let classes = [Class::Text, Class::Bytea, Class::Timestamp, Class::Char(4), Class::Numeric(Some((5, 2)))];
    let copy = "a\\f\\v\\b\\n\\t\\\\N\t\\\\x005c0a61\t2026-01-16 08:30:00.5\tab  \t1.50\n\\N\t\\\\x\tinfinity\t    \tNaN\n";
    for size in [1, 7, 4096] {
        let (out, counts) =
            passed(&layout(&classes, false), Style::Lines, copy.as_bytes(), size).expect("rows");
        assert_eq!(
            out,
            "a\u{c}\u{b}\\b\\n\\t\\\\N\t\\0\\\\\\na\t2026-01-16 08:30:00.5\tab\t1.50\n\\N\t\t\\N\t\t\\N\n"
        );
        assert_eq!((counts.rows, &counts.rows_by_source), (2, &vec![2]));
        assert_eq!(counts.losses[2], Losses::from([(Loss::Infinity, 1)]));
        assert_eq!(counts.losses[4], Losses::from([(Loss::NotANumber, 1)]));
        assert_eq!(counts.sums[0], sum(&["a\u{c}\u{b}\u{8}\n\t\\N"]));
        assert_eq!(counts.sums[1], sum(&["\0\\\na", ""]));
        assert_eq!(counts.sums[2], sum(&["2026-01-16 08:30:00.500000"]));
        assert_eq!(counts.sums[3], sum(&["ab", ""]));
    }
}

#[test]
fn statements_quote_what_is_no_number() {
    let classes = [Class::Integer, Class::Text, Class::Bytea, Class::Double, Class::Date];
    let copy = b"1\tit's \\\\ \\n\t\\\\x00ff\t-0\t2026-01-16\n2\t\\N\t\\N\tNaN\t\\N\n";
    let head = insert_head("`t`", &layout(&classes, true));
    let (out, counts) = passed(&layout(&classes, true), Style::Statements(head), copy, 5).expect("rows");
    assert_eq!(
        out,
        "INSERT INTO `t` (`custno`, `c0`, `c1`, `c2`, `c3`, `c4`) VALUES\n\
         ('north',1,'it''s \\\\ \\n',X'00ff','-0','2026-01-16'),\n('north',2,NULL,NULL,NULL,NULL);\n"
    );
    assert_eq!(counts.losses.len(), 5);
    assert_eq!(counts.sums[0], sum(&["north", "north"]));
}

#[test]
fn statements_are_closed_before_they_are_too_long() {
    let copy = format!("{}\n", "x".repeat(10_000)).repeat(200);
    let layout = layout(&[Class::Text], false);
    let head = insert_head("`t`", &layout);
    let (out, _) = passed(&layout, Style::Statements(head), copy.as_bytes(), 4096).expect("rows");
    let statements: Vec<&str> = out.split(";\n").filter(|part| !part.is_empty()).collect();
    assert!(statements.len() >= 3 && out.ends_with(");\n"), "{}", statements.len());
    assert!(statements.iter().all(|one| one.len() < 1 << 20 && one.starts_with("INSERT")));
}

#[test]
fn long_values_pass_in_parts() {
    let classes = [Class::Text, Class::Bytea];
    let (text, bytes) = ("é\\\\🐟\\n".repeat(100_000), "00415c".repeat(200_000));
    let copy = format!("{text}\t\\\\x{bytes}\n");
    let whole = passed(&layout(&classes, false), Style::Lines, copy.as_bytes(), copy.len()).expect("a row");
    let cut = passed(&layout(&classes, false), Style::Lines, copy.as_bytes(), 65_537).expect("a row");
    assert!(whole == cut);
    let (out, counts) = cut;
    assert!(out.starts_with(&text) && counts.rows == 1);
    assert_eq!(counts.sums[0], sum(&["é\\🐟\n".repeat(100_000).as_str()]));
}

#[test]
fn a_text_that_is_too_long_for_its_key_is_told() {
    let mut shape = table(&[Class::Text]);
    shape.indexes.push(crate::snapshot::table::Index {
        name: ident("t_pkey"),
        primary: true,
        unique: true,
        columns: vec![ident("c0")],
    });
    let layout = Layout::new(&shape, false, &BTreeSet::new());
    for length in [768, 300_000] {
        let copy = format!("{}\nshort\n", "x".repeat(length));
        let (out, counts) = passed(&layout, Style::Lines, copy.as_bytes(), 100_000).expect("rows");
        assert_eq!((out.as_str(), counts.too_long), ("\\N\nshort\n", BTreeSet::from([0])));
    }
}

#[test]
fn rows_without_columns_are_rows() {
    let (out, counts) = passed(&layout(&[], false), Style::Lines, b"\n\n", 1).expect("rows");
    assert_eq!((out.as_str(), counts.rows), ("\\N\n\\N\n", 2));
}

#[test]
fn the_select_has_postgresql_write_what_the_other_server_reads() {
    let classes = [Class::Boolean, Class::Money, Class::TimestampTz, Class::Array, Class::Text];
    let shape = table(&classes);
    let source = table(&classes[..4]);
    assert_eq!(
        select(&source, &shape, &BTreeSet::from([1]), Rows::All),
        "COPY (SELECT \"c0\"::int AS \"c0\", \"c1\", \"c2\" AT TIME ZONE 'UTC' AS \"c2\", to_jsonb(\"c3\") AS \"c3\", \
         NULL::text AS \"c4\" FROM ONLY \"hq\".\"t\") TO STDOUT"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_rows_or_an_error_whatever_way_they_are_cut(
        copy in prop::collection::vec(
            prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\\'), Just(b'1'), Just(b'x'), 32_u8..127], 0..200),
        size in 1_usize..9) {
        for classes in [&[Class::Text, Class::Bytea][..], &[Class::Integer], &[Class::Timestamp, Class::Double],
            &[Class::Numeric(None), Class::Time]] {
            let layout = layout(classes, false);
            let cut = passed(&layout, Style::Lines, &copy, size);
            let whole = passed(&layout, Style::Lines, &copy, copy.len().max(1));
            prop_assert_eq!(cut.ok(), whole.ok());
        }
    }
}
