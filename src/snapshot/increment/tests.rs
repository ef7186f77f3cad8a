//! Runs compared with the one before, over and over: what is found, put on top of the first, gives the last.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::compare::ROW_MAX_BYTES;
use super::{Compared, Comparison, Error, Found, Shape};
use crate::name::Ident;
use crate::snapshot::table::{Class, Column};

fn column(name: &str, class: Class, type_text: &str) -> Column {
    let name = Ident::new(name).expect("a name");
    Column { name, class, type_text: type_text.to_owned(), not_null: true, comment: None }
}

fn shape() -> Shape {
    let columns = [
        column("note", Class::Text, "text"),
        column("code", Class::Text, "text"),
        column("id", Class::Integer, "integer"),
    ];
    let key = ["id", "code"].map(|name| Ident::new(name).expect("a name"));
    Shape::new("north", "t", &columns, &key, "SET TimeZone = 'UTC'").expect("a key")
}

/// By (id, code as bytes): the note, escaped.
type Table = BTreeMap<(i32, Vec<u8>), String>;

fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        match byte {
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            b'\\' => out.extend(b"\\\\"),
            byte => out.push(*byte),
        }
    }
    out
}

fn copy_text(table: &Table) -> Vec<u8> {
    let mut text = Vec::new();
    for ((id, code), note) in table {
        text.extend(note.as_bytes());
        text.push(b'\t');
        text.extend(escaped(code));
        text.extend(format!("\t{id}\n").as_bytes());
    }
    text
}

/// What was found: rows and keys, as COPY text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    rows: Vec<u8>,
    deleted: Vec<u8>,
}

fn run(
    text: &[u8],
    piece: usize,
    shape: Shape,
    old: Option<&Path>,
    new: &Path,
) -> Result<(Taken, Compared), Error> {
    let mut taken = Taken::default();
    let possible = old.map(|old| Comparison::is_possible(&shape, old)).transpose()?;
    let mut comparison = Comparison::begin(shape, old.filter(|_| possible == Some(true)), new)?;
    let mut take = |found: Found<'_>| {
        match found {
            Found::Row(bytes) => taken.rows.extend(bytes),
            Found::Deleted(bytes) => taken.deleted.extend(bytes),
        }
        Ok::<(), Error>(())
    };
    for piece in text.chunks(piece) {
        comparison.push(piece, &mut take)?;
    }
    let compared = comparison.finish(&mut take)?;
    Ok((taken, compared))
}

/// Puts the changes on top.
fn apply(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, taken: &Taken) {
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    for line in lines(&taken.deleted) {
        assert!(rows.remove(line.strip_suffix(b"\n").expect("a line")).is_some(), "deleted, and never there");
    }
    for line in lines(&taken.rows) {
        let cells: Vec<&[u8]> =
            line.strip_suffix(b"\n").expect("a line").split(|byte| *byte == b'\t').collect();
        rows.insert([cells[2], b"\t", cells[1]].concat(), line.clone());
    }
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn tables() -> impl Strategy<Value = Vec<Table>> {
    let code = prop::collection::vec(prop::sample::select(b"a\tB\\ \nz".to_vec()), 0..4);
    let table = prop::collection::btree_map((-12..12_i32, code), "[a-c]{0,3}", 0..25);
    prop::collection::vec(table, 1..6)
}

proptest! {
    #[test]
    fn a_first_run_and_all_that_was_found_after_it_give_the_last(tables in tables(), piece in 1_usize..40) {
        let bases: Vec<_> = tables.iter().map(|_| home()).collect();
        let mut rows = BTreeMap::new();
        for (number, table) in tables.iter().enumerate() {
            let old = number.checked_sub(1).map(|before| bases[before].path());
            let (taken, compared) = run(&copy_text(table), piece, shape(), old, bases[number].path()).expect("compared");
            apply(&mut rows, &taken);
            let now: Vec<u8> = {
                let mut lines: Vec<_> = rows.values().cloned().collect();
                lines.sort();
                lines.concat()
            };
            let wanted: Vec<u8> = {
                let text = copy_text(table);
                let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                lines.sort();
                lines.concat()
            };
            prop_assert_eq!(now, wanted);
            prop_assert_eq!(compared.rows, table.len() as u64);
            let before = number.checked_sub(1).map(|before| &tables[before]);
            let changed = table.iter().filter(|(key, note)| before.and_then(|before| before.get(*key)) != Some(note)).count();
            prop_assert_eq!(compared.changed, changed as u64, "nothing is found that has not changed");
        }
    }
}

fn table(rows: &[(i32, &str, &str)]) -> Table {
    rows.iter().map(|(id, code, note)| ((*id, code.as_bytes().to_vec()), (*note).to_owned())).collect()
}

#[test]
fn columns_or_settings_that_changed_make_a_table_whole_again() {
    let (old, new) = (home(), home());
    let text = copy_text(&table(&[(1, "a", "x"), (2, "b", "y")]));
    run(&text, 100, shape(), None, old.path()).expect("compared");
    let columns = [
        column("note", Class::Text, "character varying(9)"),
        column("code", Class::Text, "text"),
        column("id", Class::Integer, "integer"),
    ];
    let key = ["id", "code"].map(|name| Ident::new(name).expect("a name"));
    let other = Shape::new("north", "t", &columns, &key, "SET TimeZone = 'UTC'").expect("a key");
    assert!(!Comparison::is_possible(&other, old.path()).expect("looked"));
    let (taken, _) = run(&text, 100, other, Some(old.path()), new.path()).expect("compared");
    assert_eq!(taken.rows, text);
}

#[test]
fn a_damaged_base_is_none() {
    let (old, new) = (home(), home());
    let text = copy_text(&table(&[(1, "a", "x"), (2, "b", "y")]));
    run(&text, 100, shape(), None, old.path()).expect("compared");
    let file = old.path().join(shape().file());
    let bytes = std::fs::read(&file).expect("read");
    std::fs::write(&file, &bytes[..bytes.len() - 1]).expect("written");
    let (taken, _) = run(&text, 100, shape(), Some(old.path()), new.path()).expect("compared");
    assert_eq!(taken.rows, text);
    assert!(taken.deleted.is_empty());
}

#[test]
fn a_row_too_long_to_wait_for_is_written_and_its_neighbours_are_compared() {
    let (first, second, third) = (home(), home(), home());
    let long = "x".repeat(ROW_MAX_BYTES * 3);
    let rows = |note: &str| copy_text(&table(&[(1, "a", "x"), (2, "b", note), (3, "c", "z")]));
    run(&rows(&long), 4096, shape(), None, first.path()).expect("compared");
    let (taken, compared) =
        run(&rows(&long), 70_000, shape(), Some(first.path()), second.path()).expect("compared");
    assert_eq!(taken.rows, format!("{long}\tb\t2\n").into_bytes());
    assert_eq!(compared, Compared { rows: 3, changed: 1, deleted: 0 });
    let (taken, _) = run(&rows("y"), 70_000, shape(), Some(second.path()), third.path()).expect("compared");
    assert_eq!(taken.rows, b"y\tb\t2\n");
}

#[test]
fn rows_in_another_order_or_cut_off_are_refused() {
    for text in ["x\ta\t2\nx\ta\t1\n", "x\ta\t1\nx\ta\t1\n"] {
        let new = home();
        let refused = run(text.as_bytes(), 5, shape(), None, new.path());
        assert!(matches!(refused, Err(Error::Order { .. })), "{text}");
    }
    for text in ["x\ta\t2\nx\ta", "x\ta\n"] {
        let new = home();
        let refused = run(text.as_bytes(), 5, shape(), None, new.path());
        assert!(matches!(refused, Err(Error::Malformed { .. })), "{text}");
    }
}

#[test]
fn what_is_read_is_sorted_as_it_is_compared() {
    assert_eq!(shape().order_by(), "\"id\", \"code\"::text COLLATE \"C\"");
    let columns = [column("id", Class::Integer, "integer")];
    let key = [Ident::new("gone").expect("a name")];
    assert!(Shape::new("north", "t", &columns, &key, "").is_none(), "a key that is not read");
    assert!(Shape::new("north", "t", &columns, &[], "").is_none(), "no key");
}
