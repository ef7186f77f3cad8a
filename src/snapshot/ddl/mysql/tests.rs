//! What tables become, without a server.

use super::*;
use crate::name::{Ident, TableName};
use crate::snapshot::table::{self, Class, Index};

fn ident(name: &str) -> Ident {
    Ident::new(name).expect("a name")
}

fn table(columns: &[(&str, Class, bool)], indexes: &[(&str, bool, bool, &[&str])]) -> Table {
    let column = |(name, class, not_null): &(&str, Class, bool)| table::Column {
        name: ident(name),
        class: class.clone(),
        type_text: String::new(),
        not_null: *not_null,
        comment: None,
    };
    let index = |(name, primary, unique, columns): &(&str, bool, bool, &[&str])| Index {
        name: ident(name),
        primary: *primary,
        unique: *unique,
        columns: columns.iter().map(|name| ident(name)).collect(),
    };
    Table {
        name: TableName { schema: ident("hq"), table: ident("t") },
        oid: 1,
        comment: Some("it's a `table` 🐟".to_owned()),
        may_select: true,
        partitioned: false,
        rows_estimate: 0,
        size_bytes: 0,
        columns: columns.iter().map(column).collect(),
        indexes: indexes.iter().map(index).collect(),
    }
}

fn layout(shape: &Table) -> Layout {
    Layout::new(shape, false, &BTreeSet::new())
}

#[test]
fn types_keys_and_comments_are_kept() {
    let labels = vec!["hold".to_owned(), "it's".to_owned()];
    let shape = table(
        &[
            ("id", Class::BigInt, true),
            ("code", Class::Text, true),
            ("price", Class::Numeric(Some((10, 2))), true),
            ("kind", Class::Enum(labels), false),
            ("born", Class::Date, true),
            ("note", Class::Text, false),
            ("flag", Class::Boolean, true),
        ],
        &[
            ("t_pkey", true, true, &["id"]),
            ("t_code", false, true, &["code"]),
            ("t_note", false, false, &["note"]),
        ],
    );
    let layout = layout(&shape);
    assert_eq!(
        layout.create("`d`.`t`", Some(Flavour::Mariadb)),
        "CREATE TABLE `d`.`t` (\n  `id` BIGINT NOT NULL,\n  `code` VARCHAR(767) COLLATE utf8mb4_nopad_bin NULL,\n  \
         `price` DECIMAL(10,2) NULL,\n  `kind` ENUM('hold','it''s') NULL,\n  `born` DATE NULL,\n  `note` LONGTEXT NULL,\n  \
         `flag` TINYINT(1) NOT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC \
         COMMENT='it''s a `table` ?'"
    );
    assert_eq!(
        layout.add_indexes("`d`.`t`").as_deref(),
        Some("ALTER TABLE `d`.`t`\n  ADD UNIQUE KEY `t_code` (`code`),\n  ADD KEY `t_note` (`note`(191))")
    );
    assert!(layout.notes.is_empty(), "{:?}", layout.notes);
    let portable = layout.create("`t`", None);
    assert!(
        portable.contains("/*!80017 COLLATE utf8mb4_0900_bin */ /*M!100203 COLLATE utf8mb4_nopad_bin */")
    );
}

#[test]
fn numbers_that_no_decimal_holds_are_text() {
    let kinds = |digits| {
        let shape = table(&[("n", Class::Numeric(digits), false)], &[]);
        layout(&shape).columns[0].kind.clone()
    };
    let decimal = |digits, scale, fixed| Kind::Decimal { digits, scale, fixed };
    assert_eq!(kinds(Some((30, 10))), decimal(30, 10, true));
    assert_eq!(kinds(Some((2, 5))), decimal(5, 5, true));
    assert_eq!(kinds(Some((3, -2))), decimal(5, 0, true));
    assert_eq!(kinds(None), decimal(65, 30, false));
    assert_eq!(kinds(Some((1000, 500))), Kind::Varchar(1003));
}

#[test]
fn a_combined_table_keeps_rows_of_two_customers_apart() {
    let shape = table(&[("id", Class::Integer, true)], &[("t_pkey", true, true, &["id"])]);
    let layout = Layout::new(&shape, true, &BTreeSet::new());
    let sql = layout.create("`t`", Some(Flavour::Mysql));
    assert!(sql.contains("`custno` VARCHAR(63) COLLATE utf8mb4_0900_bin NOT NULL"), "{sql}");
    assert!(sql.contains("PRIMARY KEY (`custno`, `id`)"), "{sql}");
    assert_eq!(layout.primary(), BTreeSet::from([0]));
}

#[test]
fn a_key_that_is_too_long_looks_at_beginnings_and_says_so() {
    let long = |name| (name, Class::Varchar(Some(500)), true);
    let shape = table(&[long("a"), long("b")], &[("t_pkey", true, true, &["a", "b"])]);
    let layout = layout(&shape);
    assert!(layout.keys.iter().all(|key| !key.primary && !key.unique), "{:?}", layout.keys);
    assert_eq!(layout.notes.len(), 1, "{:?}", layout.notes);
    let wide = Layout::new(&shape, false, &BTreeSet::from([0]));
    assert_eq!(wide.columns[0].kind, Kind::Text);
    assert!(wide.add_indexes("`t`").is_some_and(|sql| sql.contains("ADD KEY `t_pkey` (`a`(191), ")));
}

#[test]
fn a_row_that_is_too_long_gives_up_lengths() {
    let columns: Vec<(String, Class, bool)> =
        (0..9).map(|number| (format!("c{number}"), Class::Varchar(Some(4000)), false)).collect();
    let columns: Vec<(&str, Class, bool)> =
        columns.iter().map(|(name, class, null)| (name.as_str(), class.clone(), *null)).collect();
    let layout = layout(&table(&columns, &[]));
    let bytes: u32 = layout.columns.iter().map(|column| column.kind.bytes()).sum();
    assert!(bytes <= 65_000 && layout.notes.len() == 5, "{bytes} {:?}", layout.notes);
}

#[test]
fn labels_that_the_server_would_change_are_no_enum() {
    for labels in [&["a", "A"][..], &["x "], &[""], &["é"]] {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let shape = table(&[("e", Class::Enum(labels), false)], &[]);
        assert_eq!(layout(&shape).columns[0].kind, Kind::Text);
    }
}

#[test]
fn a_table_without_columns_has_one() {
    let layout = layout(&table(&[], &[]));
    assert!(layout.create("`t`", None).contains("`acequia_no_columns` TINYINT"));
    assert_eq!(layout.column_list(), "`acequia_no_columns`");
}
