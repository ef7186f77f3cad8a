//! The publication of a flow: what it lacks, and making it whole as far as the role may.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::remembered::{Remembered, RememberedTable, SourceKey};
use crate::catalog::{Catalog, Publication, Table, Unsent};
use crate::config::Config;
use crate::fault::Fault;
use crate::name::TableName;
use crate::postgres::{self, Session};
use crate::rules::{Flow, setup};

use super::error::Error;
use super::recall::Note;

/// What was found, and what was done.
pub(super) struct Published {
    /// As it is now; `None` where no table could be published.
    pub(super) publication: Option<Publication>,
    /// It was altered by us.
    pub(super) mended: bool,
    /// What was not sent meanwhile.
    pub(super) notes: Vec<Note>,
}

/// What a publication lacks for its flow, and the statement that mends it.
pub fn publication_gap(
    config: &Config,
    flow: &Flow,
    found: Option<&Publication>,
    left_out: &BTreeSet<TableName>,
) -> Option<(&'static str, String)> {
    let wanted: BTreeSet<TableName> =
        setup::published_tables(config, flow).difference(left_out).cloned().collect();
    if wanted.is_empty() {
        return None; // no table can be published, and the rules' own errors say why
    }
    let Some(found) = found else {
        return Some(("is missing", setup::create_publication(flow, &wanted)));
    };
    let is_sent = |name: &&TableName| found.tables.contains(*name) || found.split.contains(*name);
    let missing: BTreeSet<_> = wanted.iter().filter(|name| !is_sent(name)).cloned().collect();
    let publishes = found.inserts && found.updates && found.deletes;
    let all = publish_all(flow);
    match (publishes, missing.is_empty()) {
        (true, true) => None,
        (true, false) => Some(("lacks tables of the rules", setup::extend_publication(flow, &missing))),
        (false, true) => Some(("does not publish inserts, updates and deletes", all)),
        (false, false) => {
            let sql = format!("{all};\n{}", setup::extend_publication(flow, &missing));
            Some(("does not publish all that the rules need", sql))
        }
    }
}

fn publish_all(flow: &Flow) -> String {
    format!("ALTER PUBLICATION \"{}\" SET (publish = 'insert, update, delete, truncate')", flow.publication)
}

fn whole_table(flow: &Flow, name: &TableName) -> String {
    let (publication, table) = (&flow.publication, name.quoted());
    format!(
        "ALTER PUBLICATION \"{publication}\" DROP TABLE {table}; ALTER PUBLICATION \"{publication}\" ADD TABLE {table}"
    )
}

/// Makes the publication what the flow needs, as far as this role may. A table that is not there, or whose UPDATEs would
/// fail once it is published, is left out. Tables that this role may not mend are marked as unsent: their routes wait for a
/// DBA, the others go on.
pub(super) async fn publish(
    flow: &Flow,
    session: &Session,
    catalog: &mut Catalog,
    (sources, remembered): (&BTreeMap<SourceKey, TableName>, &Remembered),
) -> Result<Published, Error> {
    let found = Publication::read(session, &flow.publication).await?;
    let mut published = Published { publication: None, mended: false, notes: Vec::new() };
    let may_go = |table: &Table| table.own_identity().is_some() && table.logged;
    let Some(found) = found else {
        let tables = sources.values().filter_map(|name| catalog.tables.get(name));
        let wanted: BTreeSet<TableName> =
            tables.filter(|table| may_go(table)).map(|table| table.name.clone()).collect();
        // Where there is none to publish, the rules' own errors say why.
        if !wanted.is_empty() {
            mend(flow, session, "is missing", &setup::create_publication(flow, &wanted)).await?;
            published.mended = true;
            published.publication = Publication::read(session, &flow.publication).await?;
        }
        return Ok(published);
    };
    let mut note = |table: &str, what: &str| published.notes.push(altered(flow, remembered, table, what));
    if !(found.inserts && found.updates && found.deletes) {
        let what = "does not publish inserts, updates and deletes";
        if remembered.publication.is_some() {
            note("*", "its switch `publish` left out what the flow needs");
        }
        mend(flow, session, what, &publish_all(flow)).await?;
        published.mended = true;
    } else if remembered.publication.as_ref().is_some_and(|known| *known != found.version) {
        note("*", "it was made anew, or its switches were touched");
    }
    for (key, name) in sources {
        let Some(table) = catalog.tables.get_mut(name).filter(|table| may_go(table)) else { continue };
        let known = remembered.tables.get(key);
        match lack(flow, &found, table, known) {
            Lack::None => {}
            Lack::Before(what) => note(&table.name.to_string(), what),
            Lack::Now(what, sql) => {
                if known.is_some_and(|known| known.member.is_some()) {
                    note(&table.name.to_string(), what);
                }
                match mend(flow, session, what, &sql).await {
                    Ok(()) => published.mended = true,
                    Err(Error::Publication { .. }) => {
                        table.unsent = Some(Unsent { what: format!("{what} ({})", flow.publication), sql });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    published.publication =
        if published.mended { Publication::read(session, &flow.publication).await? } else { Some(found) };
    Ok(published)
}

/// What a publication lacks of one table.
enum Lack {
    None,
    /// Nothing now, but something before.
    Before(&'static str),
    /// What, and the statement that mends it.
    Now(&'static str, String),
}

/// `known` is what is remembered of the table.
fn lack(flow: &Flow, found: &Publication, table: &Table, known: Option<&RememberedTable>) -> Lack {
    let member = found.members.get(&table.name).copied();
    let is_there = found.tables.contains(&table.name) || found.split.contains(&table.name);
    if !is_there {
        let sql = setup::extend_publication(flow, &BTreeSet::from([table.name.clone()])).replace('\n', "");
        return Lack::Now("is not in the publication, so that its changes are not sent", sql);
    }
    if found.filtered.contains(&table.name) {
        let what = "has a row filter in the publication, so that some of its changes are not sent";
        return Lack::Now(what, whole_table(flow, &table.name));
    }
    // A column that is left out is read at the source like every column that a relation lacks.
    match known.map(|known| known.member) {
        Some(Some(before)) if Some(before) != member => Lack::Before("it was taken out and put back"),
        Some(None) if member.is_some() => Lack::Before("it was not sent as a whole, and is again"),
        Some(_) | None => Lack::None,
    }
}

/// The publication is not as it was left: what was changed meanwhile has not been sent, and never will be.
fn altered(flow: &Flow, remembered: &Remembered, table: &str, what: &str) -> Note {
    let from = remembered.at.as_deref().unwrap_or("the flow's start");
    Note {
        what: "publication altered",
        table: table.to_owned(),
        text: format!(
            "publication {} was altered ({table}: {what}): changes that it did not send between {from} and now are \
             missing at the customers; compare them with the source, an UPDATE there that changes nothing sends a row again",
            flow.publication
        ),
    }
}

async fn mend(flow: &Flow, session: &Session, what: &str, sql: &str) -> Result<(), Error> {
    let doing = format!("making publication {} in database {}", flow.publication, flow.source);
    match session.batch_execute(sql).await.map_err(|error| postgres::Error::from_driver(doing, &error)) {
        Ok(()) => Ok(()),
        Err(error) if error.fault() == Fault::Retry => Err(error.into()),
        Err(_) => Err(Error::Publication {
            publication: flow.publication.clone(),
            database: flow.source.to_string(),
            what: what.to_owned(),
            sql: sql.replace('\n', ""),
        }),
    }
}
