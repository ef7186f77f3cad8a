//! The decoder on what PostgreSQL 15 really sent: `fixtures/pgoutput/*.hex`, captured with `capture.sql` beside them.

use std::path::Path;

use acequia::row::{Cell, Change, Relation, Tuple};
use acequia::source::pgoutput::{Message, decode};
use bytes::Bytes;

/// The messages of one captured case in their order.
fn captured(case: &str) -> Vec<Message> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pgoutput").join(case);
    let text = std::fs::read_to_string(file.with_extension("hex")).expect("a captured case");
    text.lines().map(|line| decode(&bytes_of(line)).expect("a message of PostgreSQL")).collect()
}

fn bytes_of(hex: &str) -> Bytes {
    let digits = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("hexadecimal text"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("two hexadecimal digits")).collect()
}

/// Checks that the messages are one transaction, and returns what is between Begin and Commit.
fn transaction(case: &str) -> Vec<Message> {
    let mut messages = captured(case);
    let first = messages.remove(0);
    let last = messages.pop().expect("a last message");
    match (first, last) {
        (
            Message::Begin { final_lsn, time_us: announced, xid },
            Message::Commit { commit_lsn, end_lsn, time_us: committed },
        ) => {
            assert_eq!(
                (final_lsn, announced),
                (commit_lsn, committed),
                "Begin and Commit speak of one commit record"
            );
            assert!(end_lsn > commit_lsn && xid > 0);
        }
        other => panic!("not a transaction: {other:?}"),
    }
    messages
}

/// A row as text: `\N` is NULL, `=` is unchanged TOAST, a long value is its first letter and its length.
fn shown(row: &Tuple) -> Vec<String> {
    row.cells()
        .map(|cell| match cell {
            Cell::Null => "\\N".to_owned(),
            Cell::Unchanged => "=".to_owned(),
            Cell::Text(text) if text.len() > 100 => format!("{}*{}", char::from(text[0]), text.len()),
            Cell::Text(text) => String::from_utf8(text.to_vec()).expect("text in UTF-8"),
        })
        .collect()
}

/// One line per message: what it says of which table.
fn told(messages: &[Message]) -> Vec<String> {
    let mut tables = Vec::new();
    messages.iter().map(|message| tell(message, &mut tables)).collect()
}

fn tell(message: &Message, tables: &mut Vec<(u32, String)>) -> String {
    let row = |tuple: &Tuple| shown(tuple).join("|");
    match message {
        Message::Relation(relation) => {
            tables.push((relation.oid, relation.table.clone()));
            describe(relation)
        }
        Message::Type { schema, name, .. } => format!("type {schema}.{name}"),
        Message::Origin { lsn, name } => format!("origin {name} {lsn}"),
        Message::Change(change) => {
            let table = |oid: &u32| {
                let known = tables.iter().find(|(known, _)| known == oid);
                known.expect("a relation that was announced").1.clone()
            };
            match change {
                Change::Insert { relation, new } => format!("insert {} {}", table(relation), row(new)),
                Change::Update { relation, old, new } => {
                    let old = old.as_ref().map_or("-".to_owned(), row);
                    format!("update {} {old} -> {}", table(relation), row(new))
                }
                Change::Delete { relation, old } => format!("delete {} {}", table(relation), row(old)),
                Change::Truncate { relations } => {
                    format!("truncate {}", relations.iter().map(table).collect::<Vec<_>>().join(" "))
                }
            }
        }
        Message::Logical { transactional, prefix, content, .. } => {
            format!("logical {transactional} {prefix} {content:?}")
        }
        boundary @ (Message::Begin { .. } | Message::Commit { .. }) => {
            panic!("inside of a transaction: {boundary:?}")
        }
    }
}

/// Columns of the identity bear a star.
fn describe(relation: &Relation) -> String {
    let star = |in_identity| if in_identity { "*" } else { "" };
    let columns: Vec<_> = relation
        .columns
        .iter()
        .map(|column| format!("{}{}", column.name, star(column.in_identity)))
        .collect();
    let identity = char::from(relation.replica_identity);
    format!("relation {}.{} {identity} ({})", relation.schema, relation.table, columns.join(" "))
}

#[test]
fn an_update_tells_an_untouched_toasted_value_from_a_null() {
    assert_eq!(
        told(&transaction("unchanged_toast")),
        [
            "relation practice.cpt_code d (cpt_code_id* code note fee)",
            r"insert cpt_code 1|99213|n*2100|\N",
            "update cpt_code - -> 1|99213|=|92.50",
        ]
    );
}

#[test]
fn the_default_identity_brings_only_the_primary_key_of_the_old_row() {
    assert_eq!(
        told(&transaction("key_change_and_delete")),
        [
            "relation practice.cpt_code d (cpt_code_id* code note fee)",
            r"update cpt_code 1|\N|\N|\N -> 2|99213||92.50",
            r"delete cpt_code 2|\N|\N|\N",
        ]
    );
}

#[test]
fn an_index_identity_brings_only_the_columns_of_the_index() {
    assert_eq!(
        told(&transaction("identity_index_and_type")),
        [
            "type practice.place_kind",
            "relation practice.facility i (facility_id code* kind)",
            "insert facility 7|MAIN|office",
            r"update facility \N|MAIN|\N -> 7|MAIN-1|office",
            r"delete facility \N|MAIN-1|\N",
        ]
    );
}

#[test]
fn the_full_identity_brings_the_untouched_toasted_value_in_the_old_row_only() {
    assert_eq!(
        told(&transaction("identity_full")),
        [
            "relation practice.payer f (payer_id* name* note*)",
            r"insert payer 5|\N|p*2100",
            r"update payer 5|\N|p*2100 -> 5|Zürich Health|=",
            "delete payer 5|Zürich Health|p*2100",
        ]
    );
}

#[test]
fn one_truncate_names_all_its_tables() {
    assert_eq!(
        told(&transaction("truncate")),
        [
            "relation practice.cpt_code d (cpt_code_id* code note fee)",
            "relation practice.payer f (payer_id* name* note*)",
            "truncate cpt_code payer",
        ]
    );
}

#[test]
fn a_replicated_transaction_names_its_origin_first() {
    assert_eq!(
        told(&transaction("origin")),
        [
            "origin acequia_far 16/B374D848",
            "relation practice.cpt_code d (cpt_code_id* code note fee)",
            r"insert cpt_code 3|99214|\N|\N",
        ]
    );
}

#[test]
fn a_logical_message_says_whether_it_belongs_to_a_transaction() {
    let messages = captured("logical_message");
    let logical: Vec<_> =
        messages.into_iter().filter(|message| matches!(message, Message::Logical { .. })).collect();
    assert_eq!(told(&logical), [r#"logical false acequia b"beat""#, r#"logical true acequia b"\0\xff""#]);
}

#[test]
fn a_captured_message_that_is_cut_or_longer_is_refused() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pgoutput/identity_index_and_type.hex");
    for line in std::fs::read_to_string(file).expect("a captured case").lines() {
        let bytes = bytes_of(line);
        for end in 0..bytes.len() {
            assert!(decode(&bytes.slice(..end)).is_err(), "cut at byte {end}");
        }
        assert!(decode(&bytes_of(&format!("{line}00"))).is_err(), "one byte too many");
    }
}
