//! Publishing: the tables of a run take the places of the last one's in one statement.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::manifest::Manifest;
use super::error::Error;
use super::ledger::{self, LEDGER, qualified};
use super::names::Names;
use super::sink::Order;
use crate::config::Server;
use crate::failpoint;
use crate::mysql::refusal::LOCKED;
use crate::mysql::{self, Session};

/// How often the statement is tried while readers hold the tables; each try waits for ten seconds, since those who come
/// meanwhile wait behind it.
const TRIES: u32 = 30;
/// Between two tries the readers who waited get through.
const PAUSE: Duration = Duration::from_secs(5);

/// What one database needs.
struct Swap {
    renames: Vec<String>,
    old: Vec<String>,
}

/// Puts the tables of a staged run in their places. It may be asked again, also by another process: a run that is published
/// already stays so.
pub async fn publish(server: &Server, order: &Order, manifest: &Manifest) -> Result<(), Error> {
    let databases = databases(order, manifest);
    let mut session = mysql::open(server).await?;
    let names = Names::new(&order.snapshot);
    if run_there(&mut session, order, &databases).await?.as_deref() != Some(order.run.as_str()) {
        let mut renames = Vec::new();
        for database in &databases {
            renames.extend(swap(&mut session, &names, order, database).await?.renames);
        }
        failpoint::hit("mysql-before-rename");
        let sql = format!("RENAME TABLE {}", renames.join(", "));
        if let Err(error) = rename(&mut session, &sql).await {
            if !error.is_lost() {
                return Err(error.into());
            }
            // The server may have done it before the connection broke.
            session = mysql::open(server).await?;
            if run_there(&mut session, order, &databases).await?.as_deref() != Some(order.run.as_str()) {
                return Err(error.into());
            }
        }
        failpoint::hit("mysql-after-rename");
    }
    for database in &databases {
        if let Err(error) = drop_old(&mut session, &names, database).await {
            tracing::warn!(
                snapshot = order.snapshot,
                "the last snapshot's tables are dropped at the next start: {error}"
            );
        }
    }
    session.close().await;
    Ok(())
}

/// The run whose tables are published: the same in all databases of the manifest, or none.
pub async fn published(server: &Server, order: &Order, manifest: &Manifest) -> Result<Option<String>, Error> {
    let mut session = mysql::open(server).await?;
    let run = run_there(&mut session, order, &databases(order, manifest)).await?;
    session.close().await;
    Ok(run)
}

fn databases(order: &Order, manifest: &Manifest) -> BTreeSet<String> {
    if manifest.layout == "combined" {
        return BTreeSet::from([order.database_of(None)]);
    }
    manifest.customers.iter().map(|customer| order.database_of(Some(&customer.name))).collect()
}

async fn run_there(
    session: &mut Session,
    order: &Order,
    databases: &BTreeSet<String>,
) -> Result<Option<String>, Error> {
    let mut runs = BTreeSet::new();
    for database in databases {
        let there = ledger::tables(session, database).await?;
        if !there.iter().any(|table| table.eq_ignore_ascii_case(LEDGER)) {
            return Ok(None);
        }
        let entry = ledger::read(session, database, LEDGER).await?;
        if entry.snapshot != order.snapshot {
            return Ok(None);
        }
        runs.insert(entry.run);
    }
    Ok(if runs.len() == 1 { runs.pop_first() } else { None })
}

/// What has to be renamed in one database: the published tables out, also those that the source has no more, the new ones
/// in. Nothing but what the two ledgers name is touched.
async fn swap(session: &mut Session, names: &Names, order: &Order, database: &str) -> Result<Swap, Error> {
    let there = ledger::tables(session, database).await?;
    let is_there = |wanted: &str| there.iter().any(|table| table.eq_ignore_ascii_case(wanted));
    let not_staged = || Error::NotStaged { run: order.run.clone() };
    if !is_there(&names.shadow(LEDGER)) {
        return Err(not_staged());
    }
    let staged = ledger::read(session, database, &names.shadow(LEDGER)).await?;
    if staged.run != order.run || staged.snapshot != order.snapshot {
        return Err(not_staged());
    }
    let published = if is_there(LEDGER) {
        let entry = ledger::read(session, database, LEDGER).await?;
        if entry.snapshot != order.snapshot {
            return Err(Error::OfAnother { database: database.to_owned(), owner: entry.snapshot });
        }
        [entry.tables, vec![LEDGER.to_owned()]].concat()
    } else {
        Vec::new()
    };
    let mut swap = Swap { renames: Vec::new(), old: Vec::new() };
    let rename =
        |from: &str, to: &str| format!("{} TO {}", qualified(database, from), qualified(database, to));
    for table in published.iter().filter(|table| is_there(table)) {
        swap.renames.push(rename(table, &names.old(table)));
        swap.old.push(table.to_lowercase());
    }
    for table in staged.tables.iter().map(String::as_str).chain([LEDGER]) {
        if !is_there(&names.shadow(table)) {
            return Err(not_staged());
        }
        if is_there(table) && !swap.old.contains(&table.to_lowercase()) {
            return Err(Error::Foreign { database: database.to_owned(), table: table.to_owned() });
        }
        swap.renames.push(rename(&names.shadow(table), table));
    }
    Ok(swap)
}

/// Renames all tables at once. Long readers are not waited for in one go.
async fn rename(session: &mut Session, sql: &str) -> Result<(), mysql::Error> {
    for _ in 1..TRIES {
        match session.execute("publishing the tables of the snapshot", sql).await {
            Err(error) if error.is_one_of(&LOCKED) => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
    session.execute("publishing the tables of the snapshot", sql).await
}

async fn drop_old(session: &mut Session, names: &Names, database: &str) -> Result<(), Error> {
    for table in ledger::tables(session, database).await?.iter().filter(|table| names.is_left(table)) {
        let drop = format!("DROP TABLE IF EXISTS {}", qualified(database, table));
        session
            .execute(&format!("dropping the last snapshot's tables of database `{database}`"), &drop)
            .await?;
    }
    Ok(())
}
