//! The replication connection before its stream runs: connect, ask who is there, make a slot, start.
//!
//! The driver of the sessions has no replication mode, so this speaks the protocol itself, over
//! [`Socket`] and with the start-up of [`handshake`].
//! Source: PostgreSQL manual, "Streaming Replication Protocol" and "Logical Streaming Replication Protocol".

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::config::Database;
use crate::lsn::Lsn;
use crate::name::Ident;
use crate::postgres::exchange::{self, Rows};
use crate::postgres::handshake::{self, BackendKey};
use crate::postgres::message::{ANSWER_MAX_BYTES, MessageError, receive};
use crate::postgres::socket::Socket;
use crate::postgres::{Error, Kind};
use crate::source::duplex::ReplicationStream;
use crate::source::lineage::Lineage;

/// How long a command may take that does not wait for anybody.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// How long each wait of slot creation for one older transaction may take: the server gives up by itself.
const SLOT_LOCK_TIMEOUT: &str = "10s";
/// How long slot creation may take in all; then it is cancelled, or it would leave a slot that nobody knows of.
const SLOT_LIMIT: Duration = Duration::from_mins(2);

/// An idle replication connection. Its calls are not cancel-safe: drop the connection with a call that was dropped.
pub struct ReplicationConnection {
    socket: Socket,
    received: BytesMut,
    key: BackendKey,
    /// For the cancel request, which needs a connection of its own.
    database: Database,
}

/// Who is at the other end (`IDENTIFY_SYSTEM`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemIdentity {
    /// The cluster's identifier, decimal: it stays the same on a promoted standby, and differs after `initdb`.
    pub system_identifier: String,
    /// The timeline: grows at each promotion.
    pub timeline: u32,
    /// The end of WAL that is flushed to the server's disk.
    pub wal_position: Lsn,
    /// The database that is connected to.
    pub dbname: String,
}

impl ReplicationConnection {
    /// Connects with `replication=database`. `application_name` is what DBAs see in `pg_stat_replication`.
    pub async fn connect(database: &Database, application_name: &str) -> Result<Self, Error> {
        open(database, application_name).await.map_err(|kind| {
            let doing = format!("opening the replication connection of database `{}`", database.name);
            Error::new(doing, kind).with_no_row_at_hand()
        })
    }

    /// The connection's process at the server.
    pub fn pid(&self) -> i32 {
        self.key.process_id
    }

    /// Runs one command (replication command, `SHOW`, `SET` or SQL) and returns the rows of its answer.
    pub async fn simple_query(&mut self, sql: &str) -> Result<Rows, Error> {
        let result = match timeout(COMMAND_LIMIT, self.run(sql)).await {
            Ok(result) => result,
            Err(_) => Err(Kind::TimedOut(COMMAND_LIMIT)),
        };
        result.map_err(|kind| self.error(sql, kind))
    }

    /// `IDENTIFY_SYSTEM`.
    pub async fn identify_system(&mut self) -> Result<SystemIdentity, Error> {
        const COMMAND: &str = "IDENTIFY_SYSTEM";
        let rows = self.simple_query(COMMAND).await?;
        identity(&rows).ok_or_else(|| self.unexpected(COMMAND))
    }

    /// `IDENTIFY_SYSTEM`, and where the timelines before this one were left. A server that lacks the history file of its own
    /// timeline says so, and the history is then empty.
    pub async fn lineage(&mut self) -> Result<Lineage, Error> {
        let SystemIdentity { system_identifier, timeline, wal_position, .. } = self.identify_system().await?;
        let mut lineage =
            Lineage { system: system_identifier, timeline, end: wal_position, history: Vec::new() };
        if timeline == 1 {
            return Ok(lineage);
        }
        match self.simple_query(&format!("TIMELINE_HISTORY {timeline}")).await {
            Ok(rows) => lineage.read_history(text(&rows, 1).unwrap_or_default()),
            Err(error) if error.refusal().is_some() => {
                tracing::warn!(timeline, "the server does not tell the history of its timeline: {error}");
            }
            Err(error) => return Err(error),
        }
        Ok(lineage)
    }

    /// Creates a logical slot for `pgoutput` and returns its consistent point: changes of transactions that commit after
    /// it will be streamed. Gives up (55P03 or 57014, no slot left behind) where old transactions are in the way.
    /// `failover`: whether a standby may keep a copy of it; none where the server does not know such slots.
    pub async fn create_slot(&mut self, slot: &Ident, failover: Option<bool>) -> Result<Lsn, Error> {
        self.simple_query(&format!("SET lock_timeout = '{SLOT_LOCK_TIMEOUT}'")).await?;
        let slot = slot.quoted();
        let command = match failover {
            // The form without parentheses is the only one that 14 knows.
            None => format!("CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput NOEXPORT_SNAPSHOT"),
            Some(failover) => format!(
                "CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput (SNAPSHOT 'nothing', FAILOVER {failover})"
            ),
        };
        let result = match timeout(SLOT_LIMIT, self.run(&command)).await {
            Ok(result) => result,
            Err(_) => self.cancelled().await,
        };
        let rows = result.map_err(|kind| self.error(&command, kind))?;
        text(&rows, 1).and_then(|point| point.parse().ok()).ok_or_else(|| self.unexpected(&command))
    }

    /// Whether a standby may keep a copy of the slot. The server must know such slots (17+).
    pub async fn set_failover(&mut self, slot: &Ident, failover: bool) -> Result<(), Error> {
        let command = format!("ALTER_REPLICATION_SLOT {} (FAILOVER {failover})", slot.quoted());
        self.simple_query(&command).await.map(|_| ())
    }

    /// Starts streaming `publication` from `slot`: transactions that commit at or after `at`, or after what the slot
    /// has confirmed if that is later.
    pub async fn start(
        mut self,
        slot: &Ident,
        publication: &Ident,
        at: Lsn,
    ) -> Result<ReplicationStream, Error> {
        let command = start_command(slot, publication, at);
        let result = match timeout(COMMAND_LIMIT, self.begin(&command)).await {
            Ok(result) => result,
            Err(_) => Err(Kind::TimedOut(COMMAND_LIMIT)),
        };
        result.map_err(|kind| self.error(&command, kind))?;
        Ok(ReplicationStream::new(self.socket, self.received, self.database.name.as_str()))
    }

    async fn run(&mut self, sql: &str) -> Result<Rows, Kind> {
        exchange::ask(&mut self.socket, sql).await?;
        exchange::answer(&mut self.socket, &mut self.received).await
    }

    /// Sends `START_REPLICATION` and waits until the connection is in copy-both mode.
    async fn begin(&mut self, command: &str) -> Result<(), Kind> {
        exchange::ask(&mut self.socket, command).await?;
        loop {
            let message = receive(&mut self.socket, &mut self.received, ANSWER_MAX_BYTES).await?;
            match message.tag {
                b'W' => return Ok(()),
                b'S' | b'N' | b'A' => {}
                b'E' => return Err(Kind::from_response(&message.body)),
                tag => return Err(MessageError::Tag(tag).into()),
            }
        }
    }

    /// Cancels the running command from a second connection and reads how it ended: it may just have succeeded.
    async fn cancelled(&mut self) -> Result<Rows, Kind> {
        let mut request = BytesMut::new();
        frontend::cancel_request(self.key.process_id, self.key.secret, &mut request);
        let mut socket = Socket::connect(&self.database).await?;
        handshake::send(&mut socket, &mut request).await?;
        // A failure to say goodbye changes nothing: the request is on its way.
        let _ = socket.shutdown().await;
        timeout(COMMAND_LIMIT, exchange::answer(&mut self.socket, &mut self.received))
            .await
            .unwrap_or(Err(Kind::TimedOut(COMMAND_LIMIT)))
    }

    fn error(&self, command: &str, kind: Kind) -> Error {
        let doing =
            format!("running {command} on the replication connection of database `{}`", self.database.name);
        Error::new(doing, kind).with_no_row_at_hand()
    }

    fn unexpected(&self, command: &str) -> Error {
        self.error(command, Kind::Protocol("an answer of another shape".to_owned()))
    }
}

async fn open(database: &Database, application_name: &str) -> Result<ReplicationConnection, Kind> {
    let (socket, received, key) = exchange::open(database, application_name, true).await?;
    Ok(ReplicationConnection { socket, received, key, database: database.clone() })
}

/// The text in one column of the only row.
fn text(rows: &Rows, column: usize) -> Option<&str> {
    let [row] = rows.as_slice() else { return None };
    row.get(column)?.as_deref()
}

fn identity(rows: &Rows) -> Option<SystemIdentity> {
    Some(SystemIdentity {
        system_identifier: text(rows, 0)?.to_owned(),
        timeline: text(rows, 1)?.parse().ok()?,
        wal_position: text(rows, 2)?.parse().ok()?,
        dbname: text(rows, 3)?.to_owned(),
    })
}

/// Publication names are identifiers inside a string. The grammar of replication commands is not SQL's: it doubles
/// quotation marks and knows no `E''`, so [`crate::name::literal`] does not fit here.
fn start_command(slot: &Ident, publication: &Ident, at: Lsn) -> String {
    let slot = slot.quoted();
    let publication = publication.quoted().replace('\'', "''");
    format!(
        "START_REPLICATION SLOT {slot} LOGICAL {at} \
         (proto_version '1', publication_names '{publication}', messages 'true')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ident(text: &str) -> Ident {
        Ident::new(text).expect("an identifier")
    }

    #[test]
    fn every_quotation_mark_of_a_publication_survives() {
        assert_eq!(
            start_command(&ident("acequia_main"), &ident("it's \"odd\"\\"), Lsn(0x16_0000_0010)),
            "START_REPLICATION SLOT \"acequia_main\" LOGICAL 16/10 (proto_version '1', \
             publication_names '\"it''s \"\"odd\"\"\\\"', messages 'true')"
        );
    }

    #[test]
    fn an_identity_of_another_shape_is_refused() {
        let row = |values: &[&str]| vec![values.iter().map(|v| Some((*v).to_owned())).collect::<Vec<_>>()];
        let good = row(&["7300000000000000001", "1", "0/15D6A88", "practice"]);
        let expected = SystemIdentity {
            system_identifier: "7300000000000000001".to_owned(),
            timeline: 1,
            wal_position: Lsn(0x15D_6A88),
            dbname: "practice".to_owned(),
        };
        assert_eq!(identity(&good), Some(expected));
        for bad in [row(&["7", "1", "0/1"]), row(&["7", "x", "0/1", "d"]), Vec::new()] {
            assert_eq!(identity(&bad), None);
        }
    }
}
