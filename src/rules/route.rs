//! One route: source table → customer's table, with everything that can be wrong about it.

use std::sync::Arc;

use crate::catalog::{Column, Table};
use crate::config::{Gone, KeyPart, OnTruncate, Rule};
use crate::expression::Expression;
use crate::name::Ident;

use super::columns::{Filled, existing, said};
use super::crosswalk::{crosswalk, rivals};
use super::customer::{check_filled, check_target};
use super::doubts::check_doubts;
use super::input::RouteInput;
use super::parents::{ParentLink, Resolution};
use super::policy::Policy;
use super::problem::Problem;
use super::shape::{
    ALIAS, Carried, Departure, KeyMatch, PrimaryKeyColumn, Shape, WrittenColumn, comparable, default_value,
    differs,
};
use super::stage::{StagedColumn, old_column, stage_rows, staged_type};
use super::values::{
    Through, Value, cast, key_value, only_rows, over_source, over_target, parents_and_values,
};
use super::{Recipe, Route, RuleExpression};

/// Compiles the route. `staged` are the source table's staged columns. `None` where a problem stands in the way.
pub(super) fn route(
    input: &RouteInput<'_>,
    number: (usize, usize),
    staged: &[StagedColumn],
    filled: &[Filled],
    problems: &mut Vec<Problem>,
) -> Option<Route> {
    let (route_number, source_number) = number;
    let RouteInput { world, sync, key, dataset, source, target, rule } = input;
    let before = problems.len();
    let links = world.parents(key);
    let (joins, values) = parents_and_values(input, &links, filled, problems);
    let primary_key = primary_key(input, filled, &values, problems);
    check_filled(input, filled, problems);
    check_target(input, problems);
    check_doubts(input, &links, filled, problems);
    let identity = source.identity()?;
    let (crosswalk, references) =
        if world.is_natural(key) { (None, Vec::new()) } else { crosswalk(input, identity) };
    let typed = |name: &Ident| source.column(name).map(|column| (name.quoted(), staged_type(&column.base)));
    let filter = rule.filter.as_ref().map(|filter| (filter, said(input, "where")));
    let on_delete = departure(input, &rule.on_delete, "on_delete", problems);
    let on_leave = departure(input, &rule.on_leave, "on_leave", problems);
    let columns = written_columns(input, staged, filled, &values);
    let images = images(&columns, filled, [&on_delete, &on_leave]);
    let whole = Arc::new(writable(target));
    let shape = Shape {
        stage: stage_rows(source_number, staged, identity.len()),
        released: format!("pg_temp.released_{route_number}"),
        crosswalk: crosswalk.as_ref().map(|crosswalk| format!("acequia.{}", crosswalk.table)),
        target: target.name.quoted(),
        identity: identity.iter().filter_map(typed).collect(),
        references: references.iter().filter_map(typed).collect(),
        primary_key,
        key: Arc::new(key_matches(input, identity, filled, &values, problems)),
        parents: joins,
        staged: Arc::new(staged.iter().map(|column| column.name.quoted()).collect()),
        key_is_unique: key_is_unique(input, &links),
        columns: Arc::new(columns),
        filter: filter.map(|(filter, spot)| over_source(input, filter, spot, problems)),
        higher: rivals(world, key, true),
        others: rivals(world, key, false),
        images: Arc::new(images.iter().map(|(name, depends)| (name.quoted(), depends.clone())).collect()),
        whole: Arc::clone(&whole),
    };
    if problems[before..].iter().any(|problem| problem.severity == super::Severity::Error) {
        return None;
    }
    let policy = policy(rule, staged, on_delete, on_leave);
    Some(Route {
        sync: sync.name.clone(),
        from: key.0.clone(),
        to: key.1.clone(),
        dataset: dataset.name.clone(),
        source: source_number,
        target: target.name.clone(),
        apply: rule.apply.clone(),
        mode: rule.mode,
        on_truncate: rule.on_truncate,
        crosswalk,
        key_columns: target.primary_key().to_vec(),
        image_columns: Arc::new(images),
        whole_columns: whole,
        expressions: expressions(input, &links, filled, &shape),
        cascade: rule.cascade,
        initial: rule.initial,
        refers_to_itself: links.iter().any(|link| link.dataset.as_ref() == Some(&dataset.name)),
        recipe: Arc::new(Recipe::new(shape, policy, route_number)),
    })
}

/// Whether no two source rows can have one natural key.
fn key_is_unique(input: &RouteInput<'_>, links: &[ParentLink]) -> bool {
    let RouteInput { dataset, source, .. } = input;
    dataset.key_columns().count() == dataset.key.len()
        && source.is_unique(&source_key(input))
        && !links.iter().any(|link| link.resolution == Resolution::Never)
}

/// What the statements must know of the rule.
fn policy(rule: &Rule, staged: &[StagedColumn], on_delete: Departure, on_leave: Departure) -> Policy {
    let place = |name: &Ident| staged.iter().position(|column| column.name == *name);
    let read = rule.filter.iter().flat_map(Expression::columns);
    Policy {
        mode: rule.mode,
        on_delete,
        on_leave,
        deletes_truncated: rule.on_truncate == OnTruncate::Delete,
        filter_columns: read.filter_map(|name| place(&name.name)).collect(),
    }
}

/// The SQL of the rules in a route, each piece alone.
fn expressions(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    filled: &[Filled],
    shape: &Shape,
) -> Vec<RuleExpression> {
    let RouteInput { rule, dataset, .. } = input;
    let over_stage =
        |value: &str| format!("SELECT {value} FROM {} s{} WHERE false", shape.stage, shape.parent_joins());
    let over_row = |value: &str| format!("SELECT {value} FROM {} t WHERE false", shape.target);
    let mut all = Vec::new();
    let mut add = |spot, probe, expression: &Expression| {
        all.push(RuleExpression { spot, probe, alone: only_rows(input, links, filled, expression) });
    };
    if let (Some(filter), Some(sql)) = (&rule.filter, &shape.filter) {
        add(said(input, "where"), over_stage(&format!("({sql}) IS TRUE")), filter);
    }
    for (column, written) in filled.iter().zip(shape.columns.iter()) {
        let word = if column.source().is_some() { "default" } else { "set" };
        for expression in column.expressions() {
            add(said(input, &format!("{word}.{}", column.target)), over_stage(&written.value), expression);
        }
    }
    for (part, key) in dataset.key.iter().zip(shape.key.iter()) {
        if let KeyPart::Expression(expression) = part {
            add(dataset.key_spot, over_stage(&key.value), expression);
            add(dataset.key_spot, over_row(&key.theirs.replace(ALIAS, "t")), expression);
        }
    }
    for (word, gone) in [("on_delete", &rule.on_delete), ("on_leave", &rule.on_leave)] {
        let Gone::Set(set) = gone else { continue };
        for (name, expression) in set {
            let Some(column) = input.target.column(name) else { continue };
            // What it names was looked at when the departure was made.
            let sql = over_target(input, expression, "t", said(input, word), &mut Vec::new());
            add(said(input, word), over_row(&cast(&sql, column)), expression);
        }
    }
    all
}

/// The source's columns of the natural key, where all its parts are columns.
fn source_key(input: &RouteInput<'_>) -> Vec<Ident> {
    let mapped = |name: &Ident| input.rule.map.get(name).unwrap_or(name).clone();
    input.dataset.key_columns().map(mapped).collect()
}

fn written_columns(
    input: &RouteInput<'_>,
    staged: &[StagedColumn],
    filled: &[Filled],
    values: &[Value],
) -> Vec<WrittenColumn> {
    let place = |name: &Ident| staged.iter().position(|column| column.name == *name);
    let columns = filled.iter().zip(values).filter_map(|(column, value)| {
        let theirs = input.target.column(&column.target)?;
        let own = column.source().and_then(|name| input.source.column(name));
        let differs = match own {
            _ if value.translated => format!("t.{} IS DISTINCT FROM {}", theirs.name.quoted(), value.sql),
            Some(own) if !value.computed => differs(&value.sql, Some(&own.base), theirs),
            Some(_) | None => differs(&value.sql, None, theirs),
        };
        let depends = value.depends.iter().filter_map(place).collect();
        let carried = own.and_then(|own| carried(own, theirs, value));
        let is_of_key = input.dataset.key.iter().any(|part| names_column(part, &column.target));
        Some(WrittenColumn {
            name: theirs.name.quoted(),
            depends,
            value: value.sql.clone(),
            differs,
            is_of_key,
            carried,
        })
    });
    columns.collect()
}

/// How both sides' values are read as texts that mean the same; `None` where SQL of the rules has a part in the value, or
/// where the reference can't be told back.
fn carried(own: &Column, theirs: &Column, value: &Value) -> Option<Carried> {
    if value.computed {
        return None;
    }
    let source = format!("s.{}", own.name.quoted());
    let target = format!("t.{}", theirs.name.quoted());
    if let Some(through) = &value.through {
        // Numbers of each column of its own: one alias for each.
        let alias = Ident::new(&format!("by {}", theirs.number)).ok()?.quoted();
        let Through { table, source: numbers, target: key } = through;
        return Some(Carried {
            source: format!("{source}::text"),
            target: format!(
                "CASE WHEN {target} IS NOT NULL THEN coalesce({alias}.{numbers}::text, 'no link: ' || {target}::text) END"
            ),
            join: format!(" LEFT JOIN {table} {alias} ON {alias}.{key} = {target}"),
        });
    }
    if value.translated {
        // It is written as NULL, whatever it is at the source.
        return Some(Carried {
            source: "NULL::text".to_owned(),
            target: format!("{target}::text"),
            join: String::new(),
        });
    }
    // Of one built-in type both servers write the same text; a cast would only cost time.
    let same = own.base.oid == theirs.base.oid && own.base.is_builtin() && own.base.name.as_str() != "bpchar";
    let text = |column: String| if same { column } else { format!("{column}::text") };
    Some(Carried { source: text(source), target: text(target), join: String::new() })
}

/// All columns that can be written again.
fn writable(table: &Table) -> Vec<Ident> {
    table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect()
}

/// Whether a part of the natural key is, or is made from, a column of this name.
fn names_column(part: &KeyPart, column: &Ident) -> bool {
    match part {
        KeyPart::Column(name) => name == column,
        KeyPart::Expression(expression) => expression.columns().iter().any(|name| name.name == *column),
    }
}

/// What the journal keeps of a row: the columns that are written, and those that are set when the source row is gone.
fn images(
    columns: &[WrittenColumn],
    filled: &[Filled],
    departures: [&Departure; 2],
) -> Vec<(Ident, Vec<usize>)> {
    let mut images: Vec<(Ident, Vec<usize>)> = filled
        .iter()
        .zip(columns)
        .map(|(own, column)| (own.target.clone(), column.depends.clone()))
        .collect();
    for departure in departures {
        let Departure::Set(set) = departure else { continue };
        for (name, _) in set {
            if !images.iter().any(|(known, _)| known == name) {
                images.push((name.clone(), Vec::new()));
            }
        }
    }
    images
}

/// `on_delete` or `on_leave`.
fn departure(input: &RouteInput<'_>, gone: &Gone, word: &str, problems: &mut Vec<Problem>) -> Departure {
    let spot = said(input, word);
    match gone {
        Gone::Ignore => Departure::Ignore,
        Gone::Delete => Departure::Delete,
        Gone::Set(columns) => {
            let mut set = Vec::new();
            for (name, expression) in columns {
                if let Some(column) = existing(input.target, name, spot, problems) {
                    let sql = over_target(input, expression, "t", spot, problems);
                    set.push((name.clone(), cast(&sql, column)));
                }
            }
            Departure::Set(set)
        }
    }
}

fn primary_key(
    input: &RouteInput<'_>,
    filled: &[Filled],
    values: &[Value],
    problems: &mut Vec<Problem>,
) -> Vec<PrimaryKeyColumn> {
    let RouteInput { dataset, target, .. } = input;
    if target.primary_key().is_empty() {
        problems.push(Problem::error(
            dataset.spot,
            format!("{} has no primary key, so its rows can't be told apart", target.name),
            "add a primary key to the customer's table".to_owned(),
        ));
    }
    let mut columns = Vec::new();
    for name in target.primary_key() {
        let Some(column) = target.column(name) else { continue };
        let written = filled.iter().position(|filled| filled.target == *name);
        let own = written.and_then(|i| values.get(i)).map(|value| value.sql.clone());
        let own = own.or_else(|| default_value(column));
        match own {
            Some(value) => columns.push(PrimaryKeyColumn {
                name: name.quoted(),
                type_text: column.base.quoted(),
                value,
                written: written.is_some(),
            }),
            None => problems.push(Problem::error(
                dataset.key_spot,
                format!("nothing fills column \"{name}\", the primary key of {}", target.name),
                format!("give the column a default or a sequence there, or make it part of `key` in [datasets.{}]", dataset.name),
            )),
        }
    }
    columns
}

/// A key for a row that makes way for a moment. Short, because some keys are.
const SPARE_KEY: &str = "'~' || s.\"acequia:n\"";

fn key_matches(
    input: &RouteInput<'_>,
    identity: &[Ident],
    filled: &[Filled],
    values: &[Value],
    problems: &mut Vec<Problem>,
) -> Vec<KeyMatch> {
    let RouteInput { dataset, source, target, .. } = input;
    let mut matches = Vec::new();
    for part in &dataset.key {
        match part {
            KeyPart::Column(name) => {
                let (Some(theirs), Some(value)) =
                    (target.column(name), key_value(input, name, filled, values))
                else {
                    continue;
                };
                let place = identity.iter().position(|column| column == name);
                let old_value = place.zip(source.column(name)).map_or_else(String::new, |(place, own)| {
                    comparable(&format!("s.{}", old_column(place)), &own.base, theirs)
                });
                let plain = source
                    .column(name)
                    .map(|own| comparable(&format!("s.{}", own.name.quoted()), &own.base, theirs));
                let goes_back = !old_value.is_empty() && plain.as_ref() == Some(&value);
                let name = theirs.name.quoted();
                let spare = theirs.base.is_string().then(|| SPARE_KEY.to_owned());
                matches.push(KeyMatch {
                    theirs: format!("{ALIAS}.{name}"),
                    name,
                    value,
                    old_value,
                    goes_back,
                    spare,
                });
            }
            KeyPart::Expression(expression) => matches.push(KeyMatch {
                name: String::new(),
                theirs: format!("({})", over_target(input, expression, ALIAS, dataset.key_spot, problems)),
                value: format!("({})", over_source(input, expression, dataset.key_spot, problems)),
                old_value: String::new(),
                goes_back: false,
                spare: None,
            }),
        }
    }
    matches
}
