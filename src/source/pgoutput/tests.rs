//! The decoder against an encoder written from the same page of the manual, cut messages, flipped bits and noise.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::fault::Fault;
use crate::row::Cell;

/// A value of a made-up row.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Unchanged,
    Text(Vec<u8>),
}

type Row = Vec<Value>;

/// A message in a form that can be compared.
#[derive(Debug, Clone, PartialEq)]
enum Sample {
    Begin(u64, i64, u32),
    Commit(u64, u64, i64),
    Origin(u64, String),
    Relation(Relation),
    Type(u32, String, String),
    Insert(u32, Row),
    Update(u32, Option<Row>, Row),
    Delete(u32, Row),
    Truncate(Vec<u32>),
    Logical(bool, u64, String, Vec<u8>),
}

/// Writes the fields of a message one after the other.
#[derive(Default)]
struct Encoder(Vec<u8>);

impl Encoder {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn name(self, name: &str) -> Self {
        self.bytes(name.as_bytes()).bytes(&[0])
    }

    fn length(self, length: usize) -> Self {
        self.bytes(&u32::try_from(length).expect("a short message").to_be_bytes())
    }

    fn short(self, count: usize) -> Self {
        self.bytes(&u16::try_from(count).expect("few columns").to_be_bytes())
    }

    fn row(self, tag: u8, row: &[Value]) -> Self {
        row.iter().fold(self.bytes(&[tag]).short(row.len()), |to, value| match value {
            Value::Null => to.bytes(b"n"),
            Value::Unchanged => to.bytes(b"u"),
            Value::Text(text) => to.bytes(b"t").length(text.len()).bytes(text),
        })
    }
}

/// The bytes of `sample`; `old` is the tag of old rows, `K` or `O`.
fn encode(sample: &Sample, old: u8) -> Bytes {
    let to = Encoder::default();
    let encoder = match sample {
        Sample::Begin(lsn, time, xid) => {
            to.bytes(b"B").bytes(&lsn.to_be_bytes()).bytes(&time.to_be_bytes()).bytes(&xid.to_be_bytes())
        }
        Sample::Commit(commit, end, time) => {
            to.bytes(b"C\0").bytes(&commit.to_be_bytes()).bytes(&end.to_be_bytes()).bytes(&time.to_be_bytes())
        }
        Sample::Origin(lsn, name) => to.bytes(b"O").bytes(&lsn.to_be_bytes()).name(name),
        Sample::Relation(relation) => {
            let to = to.bytes(b"R").bytes(&relation.oid.to_be_bytes()).name(&relation.schema);
            let to =
                to.name(&relation.table).bytes(&[relation.replica_identity]).short(relation.columns.len());
            relation.columns.iter().fold(to, |to, column| {
                to.bytes(&[u8::from(column.in_identity)])
                    .name(&column.name)
                    .bytes(&column.type_oid.to_be_bytes())
                    .bytes(&column.type_modifier.to_be_bytes())
            })
        }
        Sample::Type(oid, schema, name) => to.bytes(b"Y").bytes(&oid.to_be_bytes()).name(schema).name(name),
        Sample::Insert(relation, new) => to.bytes(b"I").bytes(&relation.to_be_bytes()).row(NEW, new),
        Sample::Update(relation, before, new) => {
            let to = to.bytes(b"U").bytes(&relation.to_be_bytes());
            before.iter().fold(to, |to, row| to.row(old, row)).row(NEW, new)
        }
        Sample::Delete(relation, before) => to.bytes(b"D").bytes(&relation.to_be_bytes()).row(old, before),
        Sample::Truncate(relations) => {
            let to = to.bytes(b"T").length(relations.len()).bytes(&[3]);
            relations.iter().fold(to, |to, relation| to.bytes(&relation.to_be_bytes()))
        }
        Sample::Logical(transactional, lsn, prefix, content) => to
            .bytes(&[b'M', u8::from(*transactional)])
            .bytes(&lsn.to_be_bytes())
            .name(prefix)
            .length(content.len())
            .bytes(content),
    };
    encoder.0.into()
}

fn row_of(tuple: &Tuple) -> Row {
    let row: Row = tuple
        .cells()
        .map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Unchanged => Value::Unchanged,
            Cell::Text(text) => Value::Text(text.to_vec()),
        })
        .collect();
    assert_eq!(row.len(), tuple.columns(), "a tuple gives as many cells as it says");
    row
}

/// What was decoded, in the form that was encoded. Walks every cell.
fn sample_of(message: Message) -> Sample {
    match message {
        Message::Begin { final_lsn, time_us, xid } => Sample::Begin(final_lsn.0, time_us, xid),
        Message::Commit { commit_lsn, end_lsn, time_us } => Sample::Commit(commit_lsn.0, end_lsn.0, time_us),
        Message::Origin { lsn, name } => Sample::Origin(lsn.0, name),
        Message::Relation(relation) => Sample::Relation(relation),
        Message::Type { oid, schema, name } => Sample::Type(oid, schema, name),
        Message::Change(Change::Insert { relation, new }) => Sample::Insert(relation, row_of(&new)),
        Message::Change(Change::Update { relation, old, new }) => {
            Sample::Update(relation, old.as_ref().map(row_of), row_of(&new))
        }
        Message::Change(Change::Delete { relation, old }) => Sample::Delete(relation, row_of(&old)),
        Message::Change(Change::Truncate { relations }) => Sample::Truncate(relations),
        Message::Logical { transactional, lsn, prefix, content } => {
            Sample::Logical(transactional, lsn.0, prefix, content.to_vec())
        }
    }
}

fn rows() -> impl Strategy<Value = Row> {
    let value =
        prop_oneof![Just(Value::Null), Just(Value::Unchanged), vec(any::<u8>(), 0..12).prop_map(Value::Text)];
    vec(value, 0..6)
}

fn relations() -> impl Strategy<Value = Sample> {
    let column =
        ("[^\0]{0,8}", any::<(bool, u32, i32)>()).prop_map(|(name, (in_identity, type_oid, modifier))| {
            RelationColumn { name, in_identity, type_oid, type_modifier: modifier }
        });
    (any::<u32>(), "[^\0]{1,8}", "[^\0]{0,8}", prop::sample::select(b"dnfi".to_vec()), vec(column, 0..5))
        .prop_map(|(oid, schema, table, replica_identity, columns)| {
            Sample::Relation(Relation { oid, schema, table, replica_identity, columns })
        })
}

fn samples() -> impl Strategy<Value = Sample> {
    prop_oneof![
        any::<(u64, i64, u32)>().prop_map(|(lsn, time, xid)| Sample::Begin(lsn, time, xid)),
        any::<(u64, u64, i64)>().prop_map(|(commit, end, time)| Sample::Commit(commit, end, time)),
        (any::<u64>(), "[^\0]{0,8}").prop_map(|(lsn, name)| Sample::Origin(lsn, name)),
        relations(),
        (any::<u32>(), "[^\0]{1,8}", "[^\0]{0,8}")
            .prop_map(|(oid, schema, name)| Sample::Type(oid, schema, name)),
        (any::<u32>(), rows()).prop_map(|(relation, new)| Sample::Insert(relation, new)),
        (any::<u32>(), option::of(rows()), rows())
            .prop_map(|(relation, old, new)| Sample::Update(relation, old, new)),
        (any::<u32>(), rows()).prop_map(|(relation, old)| Sample::Delete(relation, old)),
        vec(any::<u32>(), 0..5).prop_map(Sample::Truncate),
        (any::<(bool, u64)>(), "[^\0]{0,8}", vec(any::<u8>(), 0..12)).prop_map(
            |((transactional, lsn), prefix, content)| Sample::Logical(transactional, lsn, prefix, content)
        ),
    ]
}

fn old_tags() -> impl Strategy<Value = u8> {
    prop_oneof![Just(OLD_KEY), Just(OLD_ROW)]
}

/// Decodes bytes that may be anything; where they have a meaning, every cell is visited.
fn survive(bytes: Vec<u8>) {
    if let Ok(message) = decode(&bytes.into()) {
        sample_of(message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn every_message_reads_back_as_it_was_written(sample in samples(), old in old_tags()) {
        let message = decode(&encode(&sample, old)).expect("a whole message");
        prop_assert_eq!(sample_of(message), sample);
    }

    #[test]
    fn a_cut_message_and_a_longer_one_are_refused(sample in samples(), old in old_tags(), extra in any::<u8>()) {
        let bytes = encode(&sample, old);
        for end in 0..bytes.len() {
            let error = decode(&bytes.slice(..end)).expect_err("a cut message");
            prop_assert_eq!(error.fault(), Fault::Halt);
        }
        let mut longer = bytes.to_vec();
        longer.push(extra);
        prop_assert!(matches!(decode(&longer.into()), Err(DecodeError::Trailing(_))));
    }

    #[test]
    fn a_flipped_byte_never_panics(
        sample in samples(), old in old_tags(), at in any::<prop::sample::Index>(), flip in 1_u8..
    ) {
        let mut bytes = encode(&sample, old).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        survive(bytes);
    }

    #[test]
    fn noise_never_panics(kind in prop::sample::select(b"BCORYIUDTM".to_vec()), noise in vec(any::<u8>(), 0..64)) {
        survive(noise.clone());
        survive([vec![kind], noise].concat());
    }
}

#[test]
fn an_empty_schema_is_pg_catalog() {
    for bytes in [&b"Y\0\0\0\x19\0text\0"[..], b"R\0\0\0\x19\0text\0n\0\0"] {
        let schema = match decode(&Bytes::copy_from_slice(bytes)).expect("a whole message") {
            Message::Type { schema, .. } | Message::Relation(Relation { schema, .. }) => schema,
            other @ (Message::Begin { .. }
            | Message::Commit { .. }
            | Message::Origin { .. }
            | Message::Change(_)
            | Message::Logical { .. }) => panic!("{other:?}"),
        };
        assert_eq!(schema, "pg_catalog");
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let place = |message, field, offset| Place { message, field, offset };
    let column_count = place("Relation", "column count", 9);
    let cases: [(&[u8], DecodeError); 14] = [
        (b"", DecodeError::Empty),
        (b"S\0\0\0\x01", DecodeError::Kind(b'S')),
        (b"B\0\0", DecodeError::Short(place("Begin", "final LSN", 1))),
        (b"C\x01", DecodeError::Tag(place("Commit", "flags", 1))),
        (b"O\0\0\0\0\0\0\0\0\xff\0", DecodeError::Text(place("Origin", "origin name", 9))),
        (b"R\0\0\0\x01s\0\0x", DecodeError::Tag(place("Relation", "replica identity", 8))),
        (b"R\0\0\0\x01s\0\0d\x7f\xff", DecodeError::Count(column_count)),
        (b"R\0\0\0\x01s\0\0d\xff\xff", DecodeError::Count(column_count)),
        (b"T\x7f\xff\xff\xff\0", DecodeError::Count(place("Truncate", "relation count", 1))),
        (b"I\0\0\0\x01K", DecodeError::Tag(place("Insert", "row tag", 5))),
        (b"I\0\0\0\x01N\0\x01b\0\0\0\x01\x07", DecodeError::Tag(place("Insert", "new row", 6))),
        (b"D\0\0\0\x01N", DecodeError::Tag(place("Delete", "row tag", 5))),
        (b"U\0\0\0\x01K\0\0K", DecodeError::Tag(place("Update", "row tag", 8))),
        (b"U\0\0\0\x01N\0\0K", DecodeError::Trailing(place("Update", "behind the last field", 8))),
    ];
    for (bytes, expected) in cases {
        let error = decode(&Bytes::copy_from_slice(bytes)).expect_err("not a message");
        assert_eq!(error, expected);
    }
}

#[test]
fn no_value_is_shown() {
    let ssn = Value::Text(b"999-80-5820".to_vec());
    let samples = [
        Sample::Insert(1, vec![ssn.clone()]),
        Sample::Update(1, Some(vec![ssn.clone()]), vec![ssn]),
        Sample::Logical(true, 1, "note".to_owned(), b"999-80-5820".to_vec()),
    ];
    for sample in samples {
        let bytes = encode(&sample, OLD_ROW);
        let whole = format!("{:?}", decode(&bytes).expect("a whole message"));
        let error = decode(&bytes.slice(..bytes.len() - 1)).expect_err("a cut message");
        for shown in [whole, error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("5820") && !shown.contains("57, 57"), "{shown}");
        }
    }
    let off_by_some: Bytes = Bytes::from_static(b"I\0\0\0\x01N\0\x02n999-80-5820");
    let error = decode(&off_by_some).expect_err("a row out of step");
    assert_eq!(format!("{error:?}").matches("57").count(), 0, "{error:?}");
}
