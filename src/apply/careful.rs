//! The careful way: taken for a customer when the server has refused something of a wave.
//!
//! Each step runs inside a savepoint. A step that fails with a data fault is halved until the rows at fault stand alone;
//! those are parked and the rest goes on. Rows that a unique constraint refused are then tried once more in the order of
//! the stream, state by state: folding had made a set of them that the constraint cannot take at once (two rows that swap
//! their codes), though the source went through it step by step.

use std::sync::Arc;

use crate::fault::Fault;

use super::customer::Part;
use super::error::Error;
use super::fold::WaveTable;
use super::ledger::Tally;
use super::stage::encode_state;

/// `unique_violation`.
const UNIQUE_VIOLATION: &str = "23505";
/// At most this many refused rows of a table are tried again in the stream's order.
const REPLAYED_ROWS: usize = 1_000;

/// A step of a customer's part that can be halved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Upsert,
    Delete,
}

impl Part<'_> {
    /// Applies a wave to this customer, setting aside what the server refuses. `tables` are the folded rows behind the
    /// stage; none when parked rows are tried again.
    pub(super) async fn apply_carefully(
        &mut self,
        tables: &[WaveTable],
        tallies: &mut [Tally],
    ) -> Result<(), Error> {
        // What would fail at the commit has to fail here, while it can still be told which row it is.
        self.statements.batch("checking constraints at once", "SET CONSTRAINTS ALL IMMEDIATE").await?;
        let touched = self.touched();
        for &(route, staged) in &touched {
            let last = self.staged[staged].last();
            self.release(route, staged, 1, last).await?;
            let refused = self.halve(Step::Upsert, route, staged, &mut tallies[route]).await?;
            let table = tables.iter().find(|table| table.source == self.staged[staged].source);
            if let Some(table) = table {
                self.replay(route, staged, table, &refused, &mut tallies[route]).await?;
            }
        }
        for &(route, staged) in touched.iter().rev() {
            self.halve(Step::Delete, route, staged, &mut tallies[route]).await?;
        }
        for &(route, staged) in &touched {
            self.finish(route, staged).await?;
        }
        Ok(())
    }

    /// Runs a step over all rows; answers the rows that a unique constraint refused.
    async fn halve(
        &mut self,
        step: Step,
        route: usize,
        staged: usize,
        tally: &mut Tally,
    ) -> Result<Vec<i32>, Error> {
        let mut refused = Vec::new();
        let mut ranges = vec![(1, self.staged[staged].last())];
        while let Some((low, high)) = ranges.pop() {
            let extent = self.staged[staged].extent(low, high);
            let busy = if step == Step::Upsert { extent.living } else { extent.deletes };
            if low > high || busy == 0 {
                continue;
            }
            match self.attempt(step, route, staged, low, high).await? {
                Ok(done) => tally.add(done),
                Err(error) if low == high => {
                    tally.add(self.set_aside(step, route, staged, low, &error).await?);
                    if sqlstate(&error) == Some(UNIQUE_VIOLATION) {
                        refused.push(low);
                    }
                }
                Err(_) => {
                    let middle = low + (high - low) / 2;
                    // The first half next: rows go in the order of the stream.
                    ranges.push((middle + 1, high));
                    ranges.push((low, middle));
                }
            }
        }
        Ok(refused)
    }

    /// Tries a step inside a savepoint. The inner error is a data fault: everything is as before.
    async fn attempt(
        &mut self,
        step: Step,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<Result<Tally, Error>, Error> {
        self.statements.batch("setting a savepoint", "SAVEPOINT step").await?;
        let mark = self.staged[staged].mark();
        let done = match step {
            Step::Upsert => self.upsert(route, staged, low, high).await,
            Step::Delete => self.delete(route, staged, low, high).await,
        };
        match done {
            Ok(tally) => {
                self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT step").await?;
                Ok(Ok(tally))
            }
            Err(error) if error.fault() == Fault::Park => {
                self.staged[staged].go_back(mark);
                self.statements
                    .batch("going back to a savepoint", "ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step")
                    .await?;
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn set_aside(
        &mut self,
        step: Step,
        route: usize,
        staged: usize,
        n: i32,
        error: &Error,
    ) -> Result<Tally, Error> {
        if step == Step::Delete {
            // The row stays, and so does its link: a later try has to find it.
            let sql = Arc::clone(&self.plan.routes[route].sql);
            if let Some(restore) = &sql.restore_links {
                self.statements.execute("restoring a link", restore, &[&n, &n]).await?;
            }
        }
        let object = object(error);
        let parked = self.park_rejected(route, staged, n, (sqlstate(error), object.as_deref())).await?;
        tracing::warn!(
            customer = %self.plan.routes[route].to,
            dataset = %self.plan.routes[route].dataset,
            sqlstate = sqlstate(error).unwrap_or("none"),
            object = object.as_deref().unwrap_or("none"),
            "a row is parked: the customer's table refused it; see `acequia parked list`"
        );
        Ok(Tally { parked, ..Tally::default() })
    }

    /// Tries refused rows again, every state in the order of the stream.
    async fn replay(
        &mut self,
        route: usize,
        staged: usize,
        table: &WaveTable,
        refused: &[i32],
        tally: &mut Tally,
    ) -> Result<(), Error> {
        if refused.is_empty() || refused.len() > REPLAYED_ROWS {
            return Ok(());
        }
        let mut states: Vec<(u64, usize, usize)> = Vec::new();
        for &n in refused {
            let row = usize::try_from(n).unwrap_or(1) - 1;
            states.extend(
                table.rows[row].history.iter().enumerate().map(|(i, state)| (state.sequence, row, i)),
            );
        }
        states.sort_unstable();
        let source = self.plan.routes[route].source;
        let columns = self.plan.sources[source].columns.len();
        let copy = self.plan.sources[source].stage.copy.clone();
        for (_, row, i) in states {
            let state = &table.rows[row].history[i];
            let n = self.staged[staged].rows.len() + 1;
            let (text, staged_row) =
                encode_state(&table.projection, columns, n, state, &mut self.staged[staged].sets);
            self.statements.copy("staging a state again", &copy, text).await?;
            self.staged[staged].rows.push(staged_row);
            let n = self.staged[staged].last();
            if let Ok(done) = self.attempt(Step::Upsert, route, staged, n, n).await? {
                tally.add(done);
                let is_last = i + 1 == table.rows[row].history.len();
                if is_last {
                    tally.parked = tally.parked.saturating_sub(self.unpark(route, n).await?);
                }
            }
        }
        Ok(())
    }

    /// The row got in after all.
    async fn unpark(&mut self, route: usize, n: i32) -> Result<u64, Error> {
        let row = &self.plan.routes[route];
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        // No generation is this one: what was parked a moment ago goes too.
        let none = -1_i64;
        let dropped = self
            .statements
            .execute(
                "taking a row out of the parked ones",
                &row.sql.supersede,
                &[&n, &n, &from, &to, &dataset, &none],
            )
            .await?;
        Ok(dropped)
    }
}

fn sqlstate(error: &Error) -> Option<&str> {
    match error {
        Error::Postgres(error) => error.refusal().map(|refusal| refusal.sqlstate.as_str()),
        Error::Served { .. }
        | Error::Control { .. }
        | Error::Moved { .. }
        | Error::Crosswalk { .. }
        | Error::Relation { .. }
        | Error::Unannounced { .. }
        | Error::Ignored { .. } => None,
    }
}

/// What the server named: a constraint, a column or a type. Never its message.
fn object(error: &Error) -> Option<String> {
    match error {
        Error::Postgres(error) => {
            let named = error.refusal()?;
            let name = named.constraint.as_ref().or(named.column.as_ref()).or(named.datatype.as_ref())?;
            Some(name.clone())
        }
        Error::Ignored { .. } => Some("the customer's table did not take the row".to_owned()),
        Error::Served { .. }
        | Error::Control { .. }
        | Error::Moved { .. }
        | Error::Crosswalk { .. }
        | Error::Relation { .. }
        | Error::Unannounced { .. } => None,
    }
}
