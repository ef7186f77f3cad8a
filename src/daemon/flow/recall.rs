//! The source's catalog beside what is remembered of it: a table that was renamed, a column that was dropped and made again
//! under its name, an identity that the flow does not follow yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::remembered::{Remembered, RememberedTable, SourceKey};
use crate::catalog::{Catalog, Table};
use crate::config::Config;
use crate::lsn::Lsn;
use crate::name::{Ident, TableName};
use crate::postgres::{self, Session};
use crate::rules::{Flow, Plan};

use super::gap::Gap;
use super::predecessor::Predecessor;

/// Something that somebody should know, once: it goes into the log and into `acequia.audit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// A word or two for the audit.
    pub(super) what: &'static str,
    /// The source table.
    pub(super) table: String,
    /// The whole sentence.
    pub(super) text: String,
}

/// What one attempt of a flow has to know from those before it: above all the source tables that go over to another
/// identity. First everything before the transaction that brings it is written by
/// the old one; then the crosswalks are made anew, and the flow goes on with it.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Tables that have gone over, each with where the transaction commits that brought it.
    pub(super) adopted: BTreeMap<SourceKey, Lsn>,
    /// Those among them whose new identity is not remembered in the target yet.
    pub(super) fresh: BTreeSet<SourceKey>,
    /// The last attempt ended because a table had changed.
    pub(super) drifted: bool,
    /// Partitions that any plan has known, each with its table: what was changed before one was detached still belongs there.
    pub(super) partitions: BTreeMap<u32, SourceKey>,
    /// What the last attempts may have left at the servers.
    pub(super) last: Predecessor,
    /// The stream has come to where it can't be followed by this slot.
    pub(super) gap: Option<Gap>,
    /// The table that is about to, with the same.
    next: Option<(SourceKey, Lsn)>,
}

impl Turn {
    /// The stream has met another identity.
    pub(super) fn meet(&mut self, table: SourceKey, at: Lsn) {
        self.adopted.remove(&table);
        self.next = Some((table, at));
    }

    /// The flow is prepared. Remembers the plan's partitions; preparing has remembered what was news.
    pub(super) fn know(&mut self, plan: &Plan) {
        let known =
            plan.partitions().map(|(oid, source)| (oid, (source.customer.clone(), source.dataset.clone())));
        self.partitions.extend(known);
        self.drifted = false;
        self.fresh.clear();
    }

    /// There is a new slot: what was to come of changes before it is over.
    pub(super) fn renew(&mut self) {
        *self = Self { last: std::mem::take(&mut self.last), ..Self::default() };
    }

    /// Everything before it is written.
    pub(super) fn reach(&mut self) {
        if let Some((table, at)) = self.next.take() {
            self.fresh.insert(table.clone());
            self.adopted.insert(table, at);
        }
    }

    /// Where to stop for it.
    pub(super) fn stop_before(&self) -> Option<Lsn> {
        self.next.as_ref().map(|(_, at)| *at)
    }
}

/// The source tables of a flow, by customer and data set.
pub(super) fn sources(config: &Config, flow: &Flow) -> BTreeMap<SourceKey, TableName> {
    let mut sources = BTreeMap::new();
    for sync in flow.syncs(config) {
        let Some(from) = config.customers.get(&sync.from) else { continue };
        for dataset in sync.data.iter().filter_map(|name| config.datasets.get(name)) {
            let table = TableName { schema: from.schema.clone(), table: dataset.table.clone() };
            sources.insert((from.name.clone(), dataset.name.clone()), table);
        }
    }
    sources
}

/// Finds tables of the rules that have another name by now, and puts them into the catalog under the name of the rules.
pub(super) async fn find_renamed(
    here: &Session,
    catalog: &mut Catalog,
    sources: &BTreeMap<SourceKey, TableName>,
    remembered: &Remembered,
) -> Result<(), postgres::Error> {
    let gone = sources.iter().filter(|(_, name)| !catalog.tables.contains_key(*name));
    let gone: BTreeMap<u32, &TableName> =
        gone.filter_map(|(key, name)| Some((remembered.tables.get(key)?.relation, name))).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let oids: Vec<u32> = gone.keys().copied().collect();
    for (oid, name) in Catalog::names(here, &oids).await? {
        let one = Catalog::read(here, &[name.schema.as_str().to_owned()], &[name.table.as_str().to_owned()])
            .await?;
        let Some((_, mut table)) = one.tables.into_iter().next() else { continue };
        let known = gone[&oid];
        table.known_as = Some(known.clone());
        catalog.tables.insert(known.clone(), table);
    }
    call_parents_as_before(catalog);
    Ok(())
}

/// Foreign keys name their parents as these are called now; the rules know the names before.
fn call_parents_as_before(catalog: &mut Catalog) {
    let renamed: BTreeMap<TableName, TableName> = catalog
        .tables
        .values()
        .filter_map(|table| Some((table.name.clone(), table.known_as.clone()?)))
        .collect();
    for table in catalog.tables.values_mut() {
        for key in &mut table.foreign_keys {
            if let Some(known) = renamed.get(&key.parent) {
                // The schema stays that of now, so that a parent beside its child is known for one.
                key.parent.table = known.table.clone();
            }
        }
    }
}

/// Says from where on the columns of a table bring their own values: a column with another number than before is another
/// column, and changes up to `now` may be of the one that had its name.
pub(super) fn date_columns(table: &mut Table, remembered: &RememberedTable, now: Lsn) -> Vec<Note> {
    let mut notes = Vec::new();
    for column in &mut table.columns {
        let Some(known) = remembered.columns.get(column.name.as_str()) else { continue };
        column.since = known.since;
        if known.number != column.number {
            column.since = now;
            notes.push(Note {
                what: "column replaced",
                table: table.name.to_string(),
                text: format!(
                    "column \"{}\" of {} was dropped and made again: changes before {now} bring values of the old one, so the \
                     new one's are read from the table; rows that nobody changes keep the old column's values at the \
                     customers until an UPDATE in the source touches them",
                    column.name, table.name
                ),
            });
        }
    }
    notes
}

/// The crosswalks are made for an identity; as long as the stream brings it, it is followed, whatever the table's is now.
pub(super) fn follow_identity(table: &mut Table, remembered: &RememberedTable) {
    let followed: Vec<Ident> =
        remembered.identity().into_iter().filter_map(|name| Ident::new(name).ok()).collect();
    let is_there = followed.iter().all(|name| table.column(name).is_some());
    if !followed.is_empty() && is_there && table.own_identity() != Some(&followed) {
        table.followed = Some(followed);
    }
}
