//! A source: whether its server decodes, has room for the slot, and publishes what the rules need.

use crate::catalog::{Catalog, Publication, Server, Slot, Stranger};
use crate::config::{Config, Database, OnTruncate};
use crate::name::{Ident, TableName};
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, Problem};

use super::super::flow::{find_gap, publication_gap};
use super::findings::Findings;

/// Settings of the server, rights of the role, encoding of the database.
pub(super) fn check_server(findings: &mut Findings<'_>, flow: &Flow, server: &Server) {
    let database = &findings.config.databases[&flow.source];
    if server.wal_level != "logical" {
        findings.add(
            &Problem::error(
                database.spot,
                format!("database {} runs with wal_level = {}", database.name, server.wal_level),
                "logical replication needs wal_level = logical; the server has to be restarted",
            )
            .with_sql("ALTER SYSTEM SET wal_level = 'logical';"),
        );
    }
    if server.in_recovery {
        findings.add(&Problem::error(
            database.spot,
            format!("database {} is a standby, and Acequia reads at the primary only", database.name),
            "name the primary server in `host`",
        ));
    }
    if !server.may_replicate {
        let role = Ident::new(&server.role).map(|role| role.quoted()).unwrap_or_default();
        findings.add(
            &Problem::warning(
                database.spot,
                format!(
                    "role {} of database {} lacks REPLICATION (flow {})",
                    server.role, database.name, flow.name
                ),
                "grant it, unless your service allows replication in another way",
            )
            .with_sql(format!("ALTER ROLE {role} REPLICATION;")),
        );
    }
    if server.encoding != "UTF8" {
        findings.add(&Problem::warning(
            database.spot,
            format!("database {} is encoded in {}", database.name, server.encoding),
            "rows with text that can't be converted to UTF-8 are parked, and wait until the source changes them",
        ));
    }
}

/// How much WAL a slot may keep, by the files and by the server. One of both should say so: else a flow that can't go on fills
/// the server's disk.
pub(super) fn check_retained(findings: &mut Findings<'_>, flow: &Flow, server: &Server) {
    let database = &findings.config.databases[&flow.source];
    let name = &database.name;
    let (message, remedy) = match (database.max_retained_wal_bytes, server.slot_keep_bytes) {
        (None, None) => (
            format!("nothing bounds the WAL that slots of database {name} keep while a flow can't go on"),
            "set `max_retained_wal` here, or max_slot_wal_keep_size at its server: past it a flow needs a resync, and the disk \
             does not fill"
                .to_owned(),
        ),
        (Some(ours), Some(its)) if ours > its => (
            format!(
                "max_retained_wal of database {name} is {ours} bytes, and its server gives a slot up after {its} bytes \
                 (max_slot_wal_keep_size)"
            ),
            "the server's bound is what holds: lower the one or raise the other".to_owned(),
        ),
        (Some(_), _) | (None, Some(_)) => return,
    };
    findings.add(&Problem::warning(database.spot, message, remedy));
}

/// The publication: there, with every table, and with nothing left out of them.
pub(super) async fn check_publication(
    findings: &mut Findings<'_>,
    flow: &Flow,
    here: &Session,
    catalog: &Catalog,
) -> Result<(), postgres::Error> {
    let config = findings.config;
    let database = &config.databases[&flow.source];
    let found = Publication::read(here, &flow.publication).await?;
    let left_out = rules::setup::unpublishable(config, flow, catalog).into_keys().collect();
    let name = format!("publication {} of database {}", flow.publication, database.name);
    if let Some((what, sql)) = publication_gap(config, flow, found.as_ref(), &left_out) {
        let problem =
            Problem::error(database.spot, format!("{name} {what}"), "a DBA who owns the tables runs");
        findings.add(&problem.with_sql(format!("{sql};")));
    }
    let Some(found) = found else { return Ok(()) };
    for problem in narrowed(config, flow, &found, &name) {
        findings.add(&problem);
    }
    Ok(())
}

/// What a publication leaves out of the tables that it has.
fn narrowed(config: &Config, flow: &Flow, found: &Publication, name: &str) -> Vec<Problem> {
    let spot = config.databases[&flow.source].spot;
    let alter = format!("ALTER PUBLICATION \"{}\"", flow.publication);
    let wanted = rules::setup::published_tables(config, flow);
    let is_wanted = |table: &&TableName| wanted.contains(*table);
    let anew = |table: &TableName| {
        let table = table.quoted();
        format!("{alter} DROP TABLE {table};\n{alter} ADD TABLE {table};")
    };
    let mut problems = Vec::new();
    let truncates = follows_truncates(config, flow);
    for table in found.split.iter().filter(|table| is_wanted(table) && truncates) {
        let message = format!(
            "{name} sends {table} partition by partition: its TRUNCATE is not carried over, and a rule says \
             on_truncate = \"delete\""
        );
        let problem = Problem::error(spot, message, "a DBA who owns the tables runs");
        problems.push(problem.with_sql(format!("{alter} SET (publish_via_partition_root = true);")));
    }
    for table in found.filtered.iter().filter(is_wanted) {
        let message = format!("{name} leaves out rows of {table}: it has a row filter there");
        let remedy = "filter with `where` in the rules: a DBA who owns the tables runs";
        problems.push(Problem::error(spot, message, remedy).with_sql(anew(table)));
    }
    for table in found.listed.iter().filter(is_wanted) {
        let message = format!(
            "{name} sends only some columns of {table}: others that a rule needs are read there, later than the change"
        );
        let remedy =
            "choose columns with `columns` or `exclude` in the rules: a DBA who owns the tables runs";
        problems.push(Problem::warning(spot, message, remedy).with_sql(anew(table)));
    }
    if !found.truncates && truncates {
        let message = format!("{name} does not publish TRUNCATE, and a rule says on_truncate = \"delete\"");
        let problem = Problem::error(spot, message, "a DBA who owns the tables runs");
        problems
            .push(problem.with_sql(format!("{alter} SET (publish = 'insert, update, delete, truncate');")));
    }
    problems
}

/// Whether some rule of the flow does something about a TRUNCATE.
fn follows_truncates(config: &Config, flow: &Flow) -> bool {
    flow.syncs(config).any(|sync| {
        sync.to.iter().any(|to| {
            let follows = |dataset| config.rule(sync, to, dataset).on_truncate == OnTruncate::Delete;
            sync.data.iter().any(follows)
        })
    })
}

/// The slot: there and able to go on where the checkpoint stands; or not there, with room for it.
pub(super) async fn check_slot(
    findings: &mut Findings<'_>,
    flow: &Flow,
    (here, server): (&Session, &Server),
    there: &Session,
) -> Result<(), postgres::Error> {
    let database = &findings.config.databases[&flow.source];
    let slot = Slot::read(here, &flow.slot).await?;
    if let Some(other) = slot.as_ref().and_then(|slot| slot.stranger(&database.dbname)) {
        let message = format!("slot {} of database {} is {other}", flow.slot, database.name);
        let remedy = match other {
            Stranger::Physical | Stranger::Plugin(_) => {
                format!("end what uses it and drop it: SELECT pg_drop_replication_slot('{}')", flow.slot)
            }
            Stranger::Database(_) => "a slot's name is of the whole server, and this may be the slot of another Acequia: name the \
                                      databases of one of the two otherwise; drop it only where nobody needs it"
                .to_owned(),
        };
        findings.add(&Problem::error(database.spot, message, remedy));
        return Ok(());
    }
    // A target without a control schema, or with one that is not ours to read, is told elsewhere.
    if let Ok(Some(gap)) = find_gap(flow, database, here, there).await {
        findings.add(&Problem::error(database.spot, gap.finding(), gap.remedy()));
    }
    match slot {
        Some(slot) => check_holder(findings, flow, database, &slot),
        None => check_room(findings, flow, database, server),
    }
    Ok(())
}

fn check_holder(findings: &mut Findings<'_>, flow: &Flow, database: &Database, slot: &Slot) {
    if let (Some(pid), Some(holder)) = (slot.active_pid, &slot.holder)
        && !holder.starts_with("acequia capture")
    {
        findings.add(&Problem::warning(
            database.spot,
            format!(
                "slot {} of database {} is in use by process {pid} (\"{holder}\")",
                flow.slot, database.name
            ),
            "it is not Acequia's: end that reader before the daemon starts",
        ));
    }
}

fn check_room(findings: &mut Findings<'_>, flow: &Flow, database: &Database, server: &Server) {
    for (setting, limit, taken) in [
        ("max_replication_slots", server.max_replication_slots, server.slots_taken),
        ("max_wal_senders", server.max_wal_senders, server.senders_taken),
    ] {
        if taken >= limit {
            findings.add(
                &Problem::error(
                    database.spot,
                    format!(
                        "database {} has no room for flow {}: {taken} of {setting} = {limit} are taken",
                        database.name, flow.name
                    ),
                    "raise it and restart the server",
                )
                .with_sql(format!("ALTER SYSTEM SET {setting} = {};", limit.max(taken) + ROOM)),
            );
        }
    }
}

/// So many more are advised: one for this flow, some for the next ones.
const ROOM: i32 = 10;
