//! What a session is known by at its server: a lock that nobody else takes. The number that the handshake tells may be a
//! proxy's; and who connects once more may come to another server, where that number is somebody else's session.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Row, from_row_opt};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Takes one for a session. `None` where the server gives no locks, or knows the session by another number than the driver: what
/// is between them numbers sessions itself, and may take a number for another session's. Then nobody can ask after it.
pub(super) async fn take(conn: &mut Conn) -> Result<Option<String>, Error> {
    let mut random = [0; 16];
    if SystemRandom::new().fill(&mut random).is_err() {
        return Ok(None);
    }
    let mark = format!("acequia_session_{:032x}", u128::from_ne_bytes(random));
    match number(conn, &format!("SELECT GET_LOCK('{mark}', 0)")).await {
        Ok(Some(1)) => {
            let is_direct = holder(conn, &mark).await? == Some(u64::from(conn.id()));
            Ok(is_direct.then_some(mark))
        }
        Ok(_taken) => Ok(None),
        Err(Error::Server(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number of the session that has it, at the server that is asked; `None` where that knows of none.
pub(super) async fn holder(conn: &mut Conn, mark: &str) -> Result<Option<u64>, Error> {
    number(conn, &format!("SELECT IS_USED_LOCK('{mark}')")).await
}

async fn number(conn: &mut Conn, sql: &str) -> Result<Option<u64>, Error> {
    let row: Option<Row> = conn.query_first(sql).await?;
    Ok(row.and_then(|row| from_row_opt::<Option<u64>>(row).ok()).flatten())
}
