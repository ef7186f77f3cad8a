//! What the snapshots need of the databases: the customers' schemas, the right to read, and that what they name is there.

use crate::catalog::Server;
use crate::config::{Customer, Exclusion, Format, Snapshot};
use crate::mysql;
use crate::name::{Ident, TableName};
use crate::postgres::{self, Session};
use crate::rules::Problem;
use crate::snapshot::selection::{Selection, unknown};
use crate::snapshot::{catalog, grants::grants};

use super::findings::Findings;

/// Checks the enabled snapshots.
pub(super) async fn check_snapshots(findings: &mut Findings<'_>) -> Result<(), postgres::Error> {
    let config = findings.config;
    let enabled = || config.snapshots.iter().filter(|snapshot| snapshot.enabled);
    let dumped = enabled().flat_map(|snapshot| &snapshot.customers);
    let dumped = dumped.filter_map(|name| Some(&config.customers.get(name)?.database));
    findings.knock(dumped.collect()).await;
    for snapshot in enabled() {
        check_server(findings, snapshot).await;
        let mut unknown: Option<Vec<Exclusion>> = None;
        for database in config.databases.values() {
            let customers = snapshot.customers.iter().filter_map(|name| config.customers.get(name));
            let here: Vec<&Customer> =
                customers.filter(|customer| customer.database == database.name).collect();
            if here.is_empty() {
                continue;
            }
            let Some(session) = findings.open(database).await else { continue };
            let server = Server::read(&session).await?;
            findings.belongs_to(database, &server);
            for customer in here {
                check_customer(findings, &session, snapshot, customer, &mut unknown).await?;
            }
        }
        for entry in unknown.iter().flatten() {
            let name = match &entry.column {
                Some(column) => format!("{}.{column}", entry.table),
                None => entry.table.to_string(),
            };
            let message = format!("no customer of this snapshot has {name}");
            findings.add(&Problem::warning(entry.spot, message, "look for a slip in the name, or remove it"));
        }
    }
    Ok(())
}

/// Whether the server of a MySQL snapshot lets us in, and takes rows the fast way.
async fn check_server(findings: &mut Findings<'_>, snapshot: &Snapshot) {
    let Format::Mysql { server, .. } = &snapshot.format else { return };
    let Some(server) = findings.config.servers.get(server) else { return };
    let session = match mysql::open(server).await {
        Ok(session) => session,
        Err(error) => {
            let (what, remedy) = (error.what(), error.remedy());
            findings.add(&Problem::error(server.spot, what, remedy));
            return;
        }
    };
    if !session.identity().local_infile {
        let message = format!(
            "server {} takes no LOAD DATA LOCAL: rows go there by INSERTs, which take longer",
            server.name
        );
        findings.add(&Problem::warning(server.spot, message, "SET GLOBAL local_infile = ON at the server"));
    }
    session.close().await;
}

async fn check_customer(
    findings: &mut Findings<'_>,
    session: &Session,
    snapshot: &Snapshot,
    customer: &Customer,
    unknown_to_all: &mut Option<Vec<Exclusion>>,
) -> Result<(), postgres::Error> {
    let tables = catalog::read(session, &customer.schema).await?;
    if tables.is_empty() {
        let message = format!(
            "schema {} of customer {} has no tables, or is not there: snapshot {} is made without them",
            customer.schema, customer.name, snapshot.name
        );
        findings.add(&Problem::warning(customer.spot, message, "look for a slip in `schema`"));
        return Ok(());
    }
    let here = unknown(snapshot, &tables.iter().collect::<Vec<_>>());
    match unknown_to_all {
        Some(known) => known.retain(|entry| here.contains(&entry)),
        None => *unknown_to_all = Some(here.into_iter().cloned().collect()),
    }
    let chosen = Selection::new(snapshot, tables).tables;
    let refused = chosen.iter().filter(|table| !table.may_select);
    let refused: Vec<TableName> = refused.map(|table| table.name.clone()).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let user = &findings.config.databases[&customer.database].user;
    let role = Ident::new(user).map_or_else(|_| user.clone(), |role| role.quoted());
    let message = format!(
        "role {user} must not read {} table(s) of snapshot {}, among them {first}",
        refused.len(),
        snapshot.name
    );
    let mut problem = Problem::error(snapshot.spot, message, "grant it, or name the tables in `exclude`");
    problem.sql = Some(grants(&refused, &role).trim_end().to_owned());
    findings.add(&problem);
    Ok(())
}
