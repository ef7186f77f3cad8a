//! What can be wrong with a customer's table: columns that nothing fills, row-level security, missing privileges.

use crate::catalog::{Column, ColumnDefault};
use crate::config::{Gone, Mode, OnTruncate, Rule};

use super::columns::Filled;
use super::input::{RouteInput, role};
use super::problem::Problem;

/// What a rule needs on the customer's table, and no more.
pub(super) fn needed_privileges(rule: &Rule) -> Vec<&'static str> {
    let departures = [&rule.on_delete, &rule.on_leave];
    let sets = departures.iter().any(|gone| matches!(gone, Gone::Set(_)));
    let deletes =
        departures.iter().any(|gone| matches!(gone, Gone::Delete)) || rule.on_truncate == OnTruncate::Delete;
    let mut needed = vec!["SELECT"];
    if rule.mode == Mode::LinkOnly {
        return needed;
    }
    needed.push("INSERT");
    if rule.mode == Mode::Override || sets {
        needed.push("UPDATE");
    }
    if deletes {
        needed.push("DELETE");
    }
    needed
}

/// A column of the customer that is NOT NULL, has no default and gets nothing from the rule refuses every new row.
pub(super) fn check_filled(input: &RouteInput<'_>, filled: &[Filled], problems: &mut Vec<Problem>) {
    let RouteInput { dataset, target, rule, .. } = input;
    if rule.mode == Mode::LinkOnly {
        return;
    }
    for column in &target.columns {
        let is_filled = filled.iter().any(|filled| filled.target == column.name)
            || target.primary_key().contains(&column.name)
            || column.generated;
        if column.not_null && column.default == ColumnDefault::None && !is_filled {
            problems.push(Problem::error(
                dataset.columns_spot.unwrap_or(dataset.spot),
                format!(
                    "column \"{}\" of {} is NOT NULL without a default, and the rule does not fill it",
                    column.name, target.name
                ),
                "give the column a default there, or let the rule carry it over".to_owned(),
            ));
        }
    }
}

/// Row-level security and missing privileges.
pub(super) fn check_target(input: &RouteInput<'_>, problems: &mut Vec<Problem>) {
    let RouteInput { world, key, sync, target, rule, .. } = input;
    let role = role(world.config, &key.1);
    if target.row_security {
        problems.push(
            Problem::error(
                sync.spot,
                format!(
                    "row-level security is on for {} and applies to {role}: its policies could hide rows and refuse writes",
                    target.name
                ),
                "let the role pass by it, or leave the data set out",
            )
            .with_sql(format!("ALTER ROLE {role} BYPASSRLS;")),
        );
    }
    let has = [
        ("SELECT", target.privileges.select),
        ("INSERT", target.privileges.insert),
        ("UPDATE", target.privileges.update),
        ("DELETE", target.privileges.delete),
    ];
    let lacks = |name: &&str| has.iter().any(|(own, has)| own == name && !has);
    let missing: Vec<&str> = needed_privileges(rule).into_iter().filter(lacks).collect();
    if !target.privileges.schema {
        let schema = &target.name.schema;
        problems.push(
            Problem::error(
                sync.spot,
                format!("USAGE on schema {schema} is not granted to {role}"),
                "grant it",
            )
            .with_sql(format!("GRANT USAGE ON SCHEMA {} TO {role};", schema.quoted())),
        );
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let message = format!("{missing} on {} is not granted to {role}", target.name);
        problems.push(
            Problem::error(sync.spot, message, "grant it")
                .with_sql(format!("GRANT {missing} ON {} TO {role};", target.name.quoted())),
        );
    }
    for name in target.primary_key().iter().filter(|_| rule.mode != Mode::LinkOnly) {
        if let Some(Column { default: ColumnDefault::Sequence { name, may_use: false, .. }, .. }) =
            target.column(name)
        {
            problems.push(
                Problem::error(
                    sync.spot,
                    format!("USAGE on sequence {name} is not granted to {role}"),
                    "grant it",
                )
                .with_sql(format!("GRANT USAGE ON SEQUENCE {name} TO {role};")),
            );
        }
    }
}
