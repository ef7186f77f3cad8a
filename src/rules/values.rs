//! The value of every column that a route fills: carried over, translated through a parent, computed by SQL of the rules.
//!
//! SQL of the rules is never pasted as it stands: each column name in it becomes a column of the stage (`s`), of the
//! customer's row (`t`), or a look-up of the customer's row that this row refers to. What a name can't mean is a problem.

use crate::catalog::{Column, ForeignKey, Table};
use crate::config::Spot;
use crate::expression::{ColumnName, Expression};
use crate::name::{Ident, TableName};

use super::columns::{Filled, Origin, column_list, said};
use super::crosswalk::{crosswalk_column, crosswalk_table};
use super::input::RouteInput;
use super::parents::{ParentLink, Resolution, World};
use super::problem::Problem;
use super::shape::{ParentJoin, comparable, parent_join, parent_value, value};

/// What a column gets.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// SQL in the customer's type.
    pub(super) sql: String,
    /// The source's columns that it is made from.
    pub(super) depends: Vec<Ident>,
    /// It refers to a parent and was translated.
    pub(super) translated: bool,
    /// SQL of the rules has a part in it.
    pub(super) computed: bool,
    /// Through which parent's crosswalk it was translated, where that can be told back from the customer's column alone.
    pub(super) through: Option<Through>,
}

/// A column of a crosswalk by which a reference is translated.
#[derive(Debug, Clone)]
pub(super) struct Through {
    /// The crosswalk, quoted.
    pub(super) table: String,
    /// Its column with the source's value.
    pub(super) source: String,
    /// Its column with the customer's.
    pub(super) target: String,
}

/// The joins to the parents, and the value of every filled column.
pub(super) fn parents_and_values(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    filled: &[Filled],
    problems: &mut Vec<Problem>,
) -> (Vec<ParentJoin>, Vec<Value>) {
    let links = carried_links(input, links, filled);
    let mut joins = Vec::new();
    let mut translated = Vec::new();
    for (i, link) in links.iter().enumerate() {
        let (join, columns) = join_of(input, i + 1, link);
        joins.push(join);
        translated.push(columns);
    }
    let context = Reading { input, links: &links, joins: &joins, translated: &translated };
    let values = filled.iter().map(|column| context.value_of(column, problems)).collect();
    (joins, values)
}

/// The join that finds one parent, and for each referring column the crosswalk's columns with its translation.
fn join_of(input: &RouteInput<'_>, number: usize, link: &ParentLink) -> (ParentJoin, Vec<Option<Through>>) {
    let RouteInput { world, key, source, .. } = input;
    let mut through: Option<(String, Vec<String>)> = None;
    let mut columns = vec![None; link.columns.len()];
    if let (Resolution::Crosswalk, Some(parent)) = (link.resolution, &link.dataset) {
        let parent_key = (key.0.clone(), key.1.clone(), parent.clone());
        let tables = world.source_table(&key.0, parent).zip(world.target_table(&key.1, parent));
        if let Some((theirs, customers)) = tables {
            let source_columns: Vec<String> = link
                .parent_columns
                .iter()
                .map(|name| crosswalk_column(world, &parent_key, theirs, name))
                .collect();
            let table = format!("acequia.{}", crosswalk_table(&parent_key));
            columns = link
                .parent_columns
                .iter()
                .zip(&source_columns)
                .map(|(name, source)| {
                    let position = customers.primary_key().iter().position(|own| own == name)?;
                    let target = format!("t{}", position + 1);
                    Some(Through { table: table.clone(), source: source.clone(), target })
                })
                .collect();
            through = Some((table, source_columns));
        }
    }
    let parent_table = world.target.tables.get(&link.table);
    let pair = |(own, theirs): (&Ident, &Ident)| {
        Some((&source.column(own)?.base, parent_table.and_then(|table| table.column(theirs))))
    };
    let types: Vec<_> = link.columns.iter().zip(&link.parent_columns).filter_map(pair).collect();
    let through = through.as_ref().map(|(table, on)| (table.as_str(), on.clone()));
    let itself = link.dataset.as_ref() == Some(&input.dataset.name);
    let circle = world.circles.get(&input.dataset.name);
    let in_circle = circle.zip(link.dataset.as_ref()).is_some_and(|(circle, parent)| circle.contains(parent));
    (parent_join(number, link, through, &types, (itself, in_circle)), columns)
}

/// Everything that an expression of a route can name.
struct Reading<'a> {
    input: &'a RouteInput<'a>,
    links: &'a [&'a ParentLink],
    joins: &'a [ParentJoin],
    translated: &'a [Vec<Option<Through>>],
}

impl Reading<'_> {
    fn value_of(&self, filled: &Filled, problems: &mut Vec<Problem>) -> Value {
        let plain = Value {
            through: None,
            translated: false,
            computed: false,
            sql: String::new(),
            depends: Vec::new(),
        };
        let nothing = Value { sql: "NULL".to_owned(), ..plain.clone() };
        let RouteInput { source, target, .. } = self.input;
        let Some(theirs) = target.column(&filled.target) else { return nothing };
        let mut own = match &filled.origin {
            Origin::Expression(expression) => {
                let spot = said(self.input, &format!("set.{}", filled.target));
                let mut depends = Vec::new();
                let sql = self.render(expression, spot, &mut depends, problems);
                Value { sql: cast(&sql, theirs), depends, computed: true, ..plain }
            }
            Origin::Column(name) => {
                let Some(column) = source.column(name) else { return nothing };
                self.carried(column, theirs)
            }
        };
        if let (Some(name), false) = (filled.source(), filled.defaults.is_empty()) {
            let spot = said(self.input, &format!("default.{}", filled.target));
            let chain: Vec<String> = filled
                .defaults
                .iter()
                .map(|one| cast(&self.render(one, spot, &mut own.depends, problems), theirs))
                .collect();
            own.sql = format!(
                "CASE WHEN s.{} IS NULL THEN coalesce({}) ELSE {} END",
                name.quoted(),
                chain.join(", "),
                own.sql
            );
            own.computed = true;
        }
        own.depends.sort();
        own.depends.dedup();
        own
    }

    /// A source column's value, translated where it refers to a parent.
    fn carried(&self, own: &Column, theirs: &Column) -> Value {
        let plain = value(&format!("s.{}", own.name.quoted()), &own.base, &theirs.base);
        let depends = vec![own.name.clone()];
        // A column in several foreign keys takes the translation; the others only have to be there.
        let through = |i: &usize| {
            let link = self.links[*i];
            let alike = || refers_alike(self.input.target, link, &own.name, &theirs.name);
            link.columns.contains(&own.name) && alike()
        };
        let rank = |i: &usize| usize::from(self.links[*i].resolution == Resolution::Pass);
        match (0..self.links.len()).filter(through).min_by_key(rank) {
            None => Value { sql: plain, depends, translated: false, computed: false, through: None },
            Some(i) => {
                let link = self.links[i];
                let position = link.columns.iter().position(|column| *column == own.name).unwrap_or(0);
                let through = self.translated[i].get(position).and_then(Option::as_ref);
                let column = through.map(|through| through.target.as_str());
                let resolved = &self.joins[i].resolved;
                let sql = parent_value(i + 1, link, position, column, &plain, &theirs.base, resolved);
                let translated = link.resolution != Resolution::Pass;
                let through = through.filter(|_| link.columns.len() == 1).cloned();
                Value { sql, depends, translated, computed: false, through }
            }
        }
    }

    /// SQL of `set` and `default`: the row's own columns, and those of rows that it refers to.
    fn render(
        &self,
        expression: &Expression,
        spot: Spot,
        depends: &mut Vec<Ident>,
        problems: &mut Vec<Problem>,
    ) -> String {
        let input = self.input;
        expression.render(&mut |name| match &name.qualifier {
            Some(qualifier) if qualifier.as_str() != input.dataset.name.as_str() => {
                self.look_up(qualifier, &name.name, spot, depends).unwrap_or_else(|problem| {
                    problems.push(*problem);
                    "NULL".to_owned()
                })
            }
            Some(_) | None => {
                depends.push(name.name.clone());
                staged(input.source, &name.name, spot, problems)
            }
        })
    }

    /// A column of the customer's own row that this row refers to; or of a table that has only one row.
    fn look_up(
        &self,
        dataset: &Ident,
        column: &Ident,
        spot: Spot,
        depends: &mut Vec<Ident>,
    ) -> Result<String, Box<Problem>> {
        let world = self.input.world;
        let (name, table) = looked_up(world, self.input, dataset).ok_or_else(|| {
            let known: Vec<&str> =
                world.config.datasets.keys().map(crate::name::DatasetName::as_str).collect();
            let message = format!("\"{dataset}\" in an expression is neither this data set nor another one");
            Box::new(Problem::error(spot, message, format!("name a data set: {}", known.join(", "))))
        })?;
        if table.column(column).is_none() {
            let message = format!("column \"{column}\" does not exist in {name}");
            let remedy = format!("columns there: {}", column_list(table));
            return Err(Box::new(Problem::error(spot, message, remedy)));
        }
        let leading: Vec<&str> = self
            .links
            .iter()
            .filter(|link| link.table == name)
            .map(|link| link.columns[0].as_str())
            .collect();
        if leading.len() > 1 {
            let message = format!(
                "\"{dataset}\" in an expression can be two rows: {} of {} refer to it",
                leading.join(", "),
                self.input.source.name
            );
            return Err(Box::new(Problem::error(
                spot,
                message,
                "leave one of these columns out, or do without this expression",
            )));
        }
        let from = format!("SELECT q.{} FROM {} q", column.quoted(), name.quoted());
        let Some(place) = self.links.iter().position(|link| link.table == name) else {
            // One row at most: the server refuses the expression where there are two.
            return Ok(format!("({from} LIMIT 2)"));
        };
        let link = self.links[place];
        let mut on = Vec::new();
        for (own, theirs) in link.columns.iter().zip(&link.parent_columns) {
            let customers = self.input.target.column(own);
            if let (Some(column), Some(customers)) = (self.input.source.column(own), customers) {
                depends.push(own.clone());
                on.push(format!("q.{} = {}", theirs.quoted(), self.carried(column, customers).sql));
            }
        }
        Ok(format!("({from} WHERE {})", on.join(" AND ")))
    }
}

/// The tables of which an expression reads the only row: no foreign key that is carried leads there.
pub(super) fn only_rows(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    filled: &[Filled],
    expression: &Expression,
) -> Vec<TableName> {
    let links = carried_links(input, links, filled);
    let named = expression.columns().into_iter().filter_map(|name| name.qualifier);
    let others = named.filter(|qualifier| qualifier.as_str() != input.dataset.name.as_str());
    let tables = others.filter_map(|other| looked_up(input.world, input, &other)).map(|(name, _)| name);
    tables.filter(|name| !links.iter().any(|link| link.table == *name)).collect()
}

/// The foreign keys of which every column is carried, into itself or into a column that refers to the same.
fn carried_links<'l>(
    input: &RouteInput<'_>,
    links: &'l [ParentLink],
    filled: &[Filled],
) -> Vec<&'l ParentLink> {
    let carried = |link: &ParentLink, column: &Ident| {
        filled
            .iter()
            .any(|own| own.source() == Some(column) && refers_alike(input.target, link, column, &own.target))
    };
    links.iter().filter(|link| link.columns.iter().all(|column| carried(link, column))).collect()
}

/// Whether a column of the customer refers to the same parents as a column of the source does.
pub(super) fn refers_alike(target: &Table, link: &ParentLink, own: &Ident, theirs: &Ident) -> bool {
    let same = |key: &ForeignKey| {
        key.columns == [theirs.clone()]
            && key.parent == link.table
            && key.parent_columns == link.parent_columns
    };
    own == theirs || target.foreign_keys.iter().any(same)
}

/// The customer's table of a data set that an expression names.
fn looked_up<'w>(
    world: &World<'w>,
    input: &RouteInput<'_>,
    dataset: &Ident,
) -> Option<(TableName, &'w Table)> {
    let named = world.config.datasets.values().find(|one| one.name.as_str() == dataset.as_str())?;
    let schema = world.config.customers.get(&input.key.1)?.schema.clone();
    let name = TableName { schema, table: named.table.clone() };
    let table = world.target.tables.get(&name)?;
    Some((name, table))
}

/// SQL over the source row alone: `where`, and the source's side of a key.
pub(super) fn over_source(
    input: &RouteInput<'_>,
    expression: &Expression,
    spot: Spot,
    problems: &mut Vec<Problem>,
) -> String {
    expression.render(&mut |name| match qualified(name, input, spot) {
        Some(problem) => {
            problems.push(problem);
            "NULL".to_owned()
        }
        None => staged(input.source, &name.name, spot, problems),
    })
}

/// SQL over the customer's own row: the other side of a key, and what `on_delete` and `on_leave` set.
pub(super) fn over_target(
    input: &RouteInput<'_>,
    expression: &Expression,
    alias: &str,
    spot: Spot,
    problems: &mut Vec<Problem>,
) -> String {
    expression.render(&mut |name| {
        if let Some(problem) = qualified(name, input, spot) {
            problems.push(problem);
        } else if input.target.column(&name.name).is_none() {
            problems.push(unknown(input.target, &name.name, spot));
        }
        format!("{alias}.{}", name.name.quoted())
    })
}

/// Only `set` and `default` may look at other rows.
fn qualified(name: &ColumnName, input: &RouteInput<'_>, spot: Spot) -> Option<Problem> {
    let qualifier = name.qualifier.as_ref()?;
    (qualifier.as_str() != input.dataset.name.as_str()).then(|| {
        let message = format!("\"{qualifier}\".\"{}\" is a column of another data set", name.name);
        Problem::error(
            spot,
            message,
            "use the row's own columns here; only `set` and `default` can look further",
        )
    })
}

fn unknown(table: &Table, name: &Ident, spot: Spot) -> Problem {
    let message = format!("column \"{name}\" in an expression does not exist in {}", table.name);
    Problem::error(spot, message, format!("columns there: {}", column_list(table)))
}

fn staged(source: &Table, name: &Ident, spot: Spot, problems: &mut Vec<Problem>) -> String {
    match source.column(name) {
        None => problems.push(unknown(source, name, spot)),
        Some(column) if column.generated => problems.push(Problem::error(
            spot,
            format!("column \"{name}\" of {} is generated, and generated columns are not sent", source.name),
            "use the columns that it is computed from",
        )),
        Some(_) => {}
    }
    format!("s.{}", name.quoted())
}

/// The value of an expression in the type of a column. Its length and precision are left to the assignment, which refuses
/// what does not fit where a cast would cut it.
pub(super) fn cast(sql: &str, column: &Column) -> String {
    if column.base.is_string() {
        format!("({sql})::text")
    } else {
        format!("({sql})::{}", column.base.quoted())
    }
}

/// The source's side of a key part that is a column.
pub(super) fn key_value(
    input: &RouteInput<'_>,
    name: &Ident,
    filled: &[Filled],
    values: &[Value],
) -> Option<String> {
    let theirs = input.target.column(name)?;
    let place = filled.iter().position(|column| column.target == *name);
    match place.map(|place| (&filled[place], &values[place])) {
        Some((_, value)) if value.translated || value.computed => Some(value.sql.clone()),
        Some((column, _)) => {
            let own = input.source.column(column.source()?)?;
            Some(comparable(&format!("s.{}", own.name.quoted()), &own.base, theirs))
        }
        // A key that the customer draws itself is never carried, and still recognizes a row.
        None => {
            let own = input.source.column(name)?;
            Some(comparable(&format!("s.{}", name.quoted()), &own.base, theirs))
        }
    }
}
