//! Which columns of the customer a route fills, and from what: the source's own columns, `map`, `set`, `default`.

use crate::catalog::{Column, ColumnDefault, ForeignKey, Table};
use crate::config::{Columns, KeyPart, Spot};
use crate::expression::Expression;
use crate::name::Ident;

use super::family::{Fit, fit};
use super::input::RouteInput;
use super::parents::ParentLink;
use super::problem::Problem;

/// One column of the customer that a route fills.
#[derive(Debug, Clone)]
pub(super) struct Filled {
    /// The customer's column.
    pub(super) target: Ident,
    /// Where its value comes from.
    pub(super) origin: Origin,
    /// What takes its place where it is null: the first that is not null itself.
    pub(super) defaults: Vec<Expression>,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A column of the source, by the same name or through `map`.
    Column(Ident),
    /// `set`.
    Expression(Expression),
}

impl Filled {
    /// The source's column that is carried over.
    pub(super) fn source(&self) -> Option<&Ident> {
        match &self.origin {
            Origin::Column(name) => Some(name),
            Origin::Expression(_) => None,
        }
    }

    /// The SQL of the rules in it.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let set = match &self.origin {
            Origin::Column(_) => None,
            Origin::Expression(expression) => Some(expression),
        };
        set.into_iter().chain(&self.defaults)
    }
}

/// The columns that a route fills: the source's in the table's order, then `map`, then `set`; and what is wrong with the rest.
pub(super) fn filled_columns(input: &RouteInput<'_>, problems: &mut Vec<Problem>) -> Vec<Filled> {
    let mut filled = own_columns(input, problems);
    filled.extend(mapped_columns(input, problems));
    filled.extend(set_columns(input, problems));
    for (name, chain) in &input.rule.default {
        if let Some(column) = filled.iter_mut().find(|column| column.target == *name) {
            column.defaults.clone_from(chain);
        } else {
            problems.push(Problem::error(
                said(input, &format!("default.{name}")),
                format!(
                    "`default` names column \"{name}\", which the rule does not carry to {}",
                    input.target.name
                ),
                "carry the column, or fill it with `set`",
            ));
        }
    }
    filled
}

/// Where the files say a word of the rule; the group where it is built in.
pub(super) fn said(input: &RouteInput<'_>, word: &str) -> Spot {
    input.rule.spots.get(word).copied().unwrap_or(input.sync.spot)
}

/// The columns that have the same name on both sides.
fn own_columns(input: &RouteInput<'_>, problems: &mut Vec<Problem>) -> Vec<Filled> {
    let RouteInput { dataset, source, target, rule, .. } = input;
    let references: Vec<ParentLink> = input.world.parents(input.key);
    let is_mapped = |name: &Ident| rule.map.values().any(|source| source == name);
    let mut filled = Vec::new();
    for column in &source.columns {
        let name = &column.name;
        if column.generated
            || !is_wanted(input, name)
            || is_number_of_its_own(input, name, &references)
            || rule.set.contains_key(name)
            || rule.map.contains_key(name)
        {
            continue;
        }
        match target.column(name) {
            // It goes on under another name.
            None if is_mapped(name) => {}
            None => problems.push(Problem::error(
                dataset.columns_spot.unwrap_or(dataset.spot),
                format!("column \"{name}\" of {} is missing in {}", source.name, target.name),
                format!(
                    "add the column there, or leave it out: exclude = [\"{name}\"] in [datasets.{}]",
                    dataset.name
                ),
            )),
            Some(theirs) if theirs.generated => {}
            Some(theirs) => {
                if !references.iter().any(|link| link.columns.contains(name)) {
                    problems.extend(misfit(
                        input,
                        column,
                        theirs,
                        dataset.columns_spot.unwrap_or(dataset.spot),
                    ));
                }
                filled.push(Filled {
                    target: name.clone(),
                    origin: Origin::Column(name.clone()),
                    defaults: Vec::new(),
                });
            }
        }
    }
    filled
}

/// Whether the data set carries the column: `columns` and `exclude`, and its key always.
fn is_wanted(input: &RouteInput<'_>, name: &Ident) -> bool {
    let listed = match &input.dataset.columns {
        Columns::All => true,
        Columns::Except(left_out) => !left_out.iter().any(|(out, _)| out == name),
        Columns::Only(only) => only.iter().any(|(one, _)| one == name),
    };
    listed || is_in_key(input, name)
}

/// Whether the natural key is made from the column.
fn is_in_key(input: &RouteInput<'_>, name: &Ident) -> bool {
    input.dataset.key.iter().any(|part| match part {
        KeyPart::Column(column) => column == name,
        KeyPart::Expression(expression) => expression.columns().iter().any(|column| column.name == *name),
    })
}

/// A surrogate: every customer draws its own.
fn is_number_of_its_own(input: &RouteInput<'_>, name: &Ident, references: &[ParentLink]) -> bool {
    let RouteInput { source, target, .. } = input;
    let in_some_key = source.primary_key().contains(name) || target.primary_key().contains(name);
    let always = target
        .column(name)
        .is_some_and(|c| matches!(c.default, ColumnDefault::Sequence { always: true, .. }));
    let refers = references.iter().any(|link| link.columns.contains(name));
    (in_some_key || always) && !is_in_key(input, name) && !refers
}

fn mapped_columns(input: &RouteInput<'_>, problems: &mut Vec<Problem>) -> Vec<Filled> {
    let mut filled = Vec::new();
    for (name, from) in &input.rule.map {
        let spot = said(input, &format!("map.{name}"));
        let own = existing(input.source, from, spot, problems);
        let theirs = existing(input.target, name, spot, problems);
        let (Some(own), Some(theirs)) = (own, theirs) else { continue };
        problems.extend(misfit(input, own, theirs, spot));
        problems.extend(stranger(input, own, theirs, spot));
        filled.push(Filled {
            target: name.clone(),
            origin: Origin::Column(from.clone()),
            defaults: Vec::new(),
        });
    }
    filled
}

fn set_columns(input: &RouteInput<'_>, problems: &mut Vec<Problem>) -> Vec<Filled> {
    let mut filled = Vec::new();
    for (name, expression) in &input.rule.set {
        if existing(input.target, name, said(input, &format!("set.{name}")), problems).is_some() {
            let origin = Origin::Expression(expression.clone());
            filled.push(Filled { target: name.clone(), origin, defaults: Vec::new() });
        }
    }
    filled
}

/// A number of the source that would be taken for one of the customer's.
fn stranger(input: &RouteInput<'_>, own: &Column, theirs: &Column, spot: Spot) -> Option<Problem> {
    let refers = |key: &&ForeignKey| key.columns == [theirs.name.clone()] && key.parent_is_surrogate;
    let key = input.target.foreign_keys.iter().find(refers)?;
    let links = input.world.parents(input.key);
    let is_same = |link: &ParentLink| link.columns == [own.name.clone()] && link.table == key.parent;
    (!links.iter().any(is_same)).then(|| {
        let message = format!(
            "`map` writes \"{}\" of {} into \"{}\", which refers to {} by a number that only this customer knows",
            own.name, input.source.name, theirs.name, key.parent
        );
        Problem::error(spot, message, "map a column that refers to the same table, or use `set`")
    })
}

/// A column that a rule names, if it is there and holds a value of its own.
pub(super) fn existing<'t>(
    table: &'t Table,
    name: &Ident,
    spot: Spot,
    problems: &mut Vec<Problem>,
) -> Option<&'t Column> {
    match table.column(name) {
        Some(column) if !column.generated => Some(column),
        Some(_) => {
            let message = format!("column \"{name}\" of {} is generated", table.name);
            problems.push(Problem::error(spot, message, "name one of the columns that it is computed from"));
            None
        }
        None => {
            let message = format!("column \"{name}\" does not exist in {}", table.name);
            problems.push(Problem::error(spot, message, format!("columns there: {}", column_list(table))));
            None
        }
    }
}

/// The names of a table's columns, for a remedy.
pub(super) fn column_list(table: &Table) -> String {
    table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Two columns of which the one can't take, or not always, what the other has.
fn misfit(input: &RouteInput<'_>, own: &Column, theirs: &Column, spot: Spot) -> Option<Problem> {
    let RouteInput { dataset, source, target, .. } = input;
    let theirs_named =
        if own.name == theirs.name { String::new() } else { format!("\"{}\" is ", theirs.name) };
    let both = format!(
        "column \"{}\" is {} in {} and {theirs_named}{} in {}",
        own.name, own.base.text, source.name, theirs.base.text, target.name
    );
    let remedy = format!(
        "make the two columns fit, or leave it out: exclude = [\"{}\"] in [datasets.{}]",
        own.name, dataset.name
    );
    match fit(own, theirs) {
        Fit::Good => None,
        Fit::Shorter(length) => {
            let message = format!("{both}: rows with more than {length} characters there will be parked");
            Some(Problem::warning(spot, message, remedy))
        }
        Fit::Smaller => {
            let message = format!("{both}: rows whose number is too large there will be parked");
            Some(Problem::warning(spot, message, remedy))
        }
        Fit::Parsed => {
            let message = format!("{both}: rows whose text is no such value will be parked");
            Some(Problem::warning(spot, message, remedy))
        }
        Fit::Never => Some(Problem::error(spot, format!("{both}: no value fits"), remedy)),
    }
}
