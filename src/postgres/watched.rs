//! Sessions with questions that may take hours.
//!
//! How long an answer takes tells nothing of a server, and one that hangs keeps its connections open. So somebody else knocks at
//! it, and a session is given up whose server answers nobody any more.

use std::io;
use std::time::Duration;

use crate::config::Database;
use crate::postgres::error::{Error, Kind};
use crate::postgres::session::{Session, open, open_to_ask};

/// How often somebody knocks at a server that has answered.
const INTERVAL: Duration = Duration::from_secs(30);
/// How soon again at one that has not.
const SOON: Duration = Duration::from_secs(10);
/// A server that has not answered so often in succession is given up.
const UNANSWERED_MAX: u32 = 3;

/// Opens a session for questions that take long. When the server answers nobody for one to two minutes the session ends, and what
/// was asked fails as on one that the server has closed.
///
/// # Errors
///
/// Those of [`open`].
pub async fn open_watched(database: &Database, application_name: &str) -> Result<Session, Error> {
    let session = open_to_ask(database, application_name).await?;
    let (closed, task) = session.end();
    let (database, application_name) = (database.clone(), application_name.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = closed => {}
            () = silence(&database, &application_name) => task.abort(),
        }
    });
    Ok(session)
}

/// Returns when a server answers nobody any more.
async fn silence(database: &Database, application_name: &str) {
    let mut unanswered = 0;
    while unanswered < UNANSWERED_MAX {
        tokio::time::sleep(if unanswered == 0 { INTERVAL } else { SOON }).await;
        unanswered = match open(database, application_name).await {
            // Whoever refuses has answered, and what fails at once, here or on the way, tells nothing of the session.
            Err(error) if is_silence(error.kind()) => unanswered + 1,
            Ok(_) | Err(_) => 0,
        };
    }
    tracing::debug!(database = %database.name, "nobody is answered any more, so what was asked is given up");
}

fn is_silence(kind: &Kind) -> bool {
    matches!(kind, Kind::TimedOut(_) | Kind::Connect(io::ErrorKind::TimedOut, _))
}
