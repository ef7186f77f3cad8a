//! The careful way: taken for a customer when the server has refused something of a wave.
//!
//! Each step runs inside a savepoint. A step that fails with a data fault is halved until the rows at fault stand alone;
//! those are parked and the rest goes on. Rows that a unique constraint refused are then tried once more in the order of
//! the stream, state by state: folding had made a set of them that the constraint cannot take at once (two rows that swap
//! their codes), though the source went through it step by step.

use crate::fault::Fault;

use super::customer::Part;
use super::error::Error;
use super::fold::WaveTable;
use super::ledger::{Circled, Tally};
use super::stage::encode_state;

/// `unique_violation`.
const UNIQUE_VIOLATION: &str = "23505";
/// At most this many refused rows of a table are tried again in the stream's order.
const REPLAYED_ROWS: usize = 1_000;

/// A step of a customer's part that can be halved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Release,
    Upsert,
    Aside,
    Back,
    Leave,
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
        let mut refused = Vec::with_capacity(touched.len());
        for &(route, staged) in &touched {
            let last = self.staged[staged].last();
            self.at = Some(route);
            self.release(route, staged, 1, last).await?;
            self.halve(Step::Release, route, staged, &mut Tally::default()).await?;
        }
        let mut circled = Circled::default();
        for &(route, staged) in &touched {
            self.at = Some(route);
            self.try_circles(route, &touched, &mut circled).await?;
            let mut done = Tally::default();
            refused.push(self.halve(Step::Upsert, route, staged, &mut done).await?);
            tallies[route].add(circled.count(route, done));
        }
        for &(route, staged) in touched.iter().rev() {
            self.at = Some(route);
            self.halve(Step::Leave, route, staged, &mut tallies[route]).await?;
            self.halve(Step::Delete, route, staged, &mut tallies[route]).await?;
        }
        if refused.iter().any(|rows| !rows.is_empty()) || self.has_taken().await? {
            self.second_pass(tables, &touched, &refused, tallies).await?;
        }
        for &(route, staged) in &touched {
            tallies[route].parked += self.finish(route, staged).await?;
        }
        self.take_back(&touched).await
    }

    /// Something was in the way that may be gone now: a code that another row of the wave has given up. What was refused
    /// goes through its states in the order of the stream; then everything is tried once more. What gets in now is no
    /// longer parked, because its entry is of an older generation.
    async fn second_pass(
        &mut self,
        tables: &[WaveTable],
        touched: &[(usize, usize)],
        refused: &[Vec<i32>],
        tallies: &mut [Tally],
    ) -> Result<(), Error> {
        let before = self.context.generation;
        self.context.generation += 1;
        // Deletes that could not be done are not tried a second time: their entries stay.
        let keep = "UPDATE acequia.parked SET generation = $2 WHERE generation = $1 AND op <> 'upsert' \
                    AND from_customer = ANY ($3) AND to_customer = $4";
        let (from, to) = self.sides();
        let kept = self
            .statements
            .execute("keeping parked deletes", keep, &[&before, &self.context.generation, &from, &to])
            .await?;
        for (&(route, staged), refused) in touched.iter().zip(refused) {
            self.at = Some(route);
            if let Some(table) = tables.iter().find(|table| table.source == self.staged[staged].source) {
                self.replay(route, staged, table, refused, &mut tallies[route]).await?;
            }
            tallies[route].parked = 0;
            let mut again = Tally::default();
            let refused = self.halve(Step::Upsert, route, staged, &mut again).await?;
            let done = self.exchange(route, staged, refused).await?;
            again.parked = again.parked.saturating_sub(done);
            again.updated += done;
            // Rows that are equal by now have been counted the first time.
            tallies[route].add(Tally { skipped: 0, ..again });
        }
        // Rows that could not leave are parked as what they are: they have to be so again.
        for &(route, staged) in touched.iter().rev() {
            if self.sql(route).release_left.is_some() {
                self.at = Some(route);
                self.halve(Step::Release, route, staged, &mut Tally::default()).await?;
                let mut again = Tally::default();
                self.halve(Step::Leave, route, staged, &mut again).await?;
                tallies[route].add(Tally { skipped: 0, ..again });
            }
        }
        if let Some(&(route, _)) = touched.first() {
            tallies[route].parked += kept;
        }
        Ok(())
    }

    /// From whom this customer is given something, and its own name: what its parked rows are found by.
    fn sides(&self) -> (Vec<String>, String) {
        let own = &self.plan.customers[self.customer];
        let mut from: Vec<String> =
            own.routes.clone().map(|route| self.plan.routes[route].from.to_string()).collect();
        from.sort_unstable();
        from.dedup();
        (from, own.customer.to_string())
    }

    /// Some row of this wave found its place taken.
    async fn has_taken(&mut self) -> Result<bool, Error> {
        let sql = "SELECT count(*) FROM acequia.parked WHERE generation = $1 AND reason IN ('taken', 'ambiguous') \
                   AND from_customer = ANY ($2) AND to_customer = $3";
        let (from, to) = self.sides();
        let params: [super::statements::Param<'_>; 3] = [&self.context.generation, &from, &to];
        let count = self.statements.count("looking for taken rows", sql, &params).await?;
        Ok(count > 0)
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
            let busy = match step {
                Step::Upsert => extent.living + extent.moved,
                Step::Release | Step::Aside | Step::Back | Step::Leave => extent.living,
                Step::Delete => extent.deletes,
            };
            if low > high || busy == 0 {
                continue;
            }
            match self.attempt(step, route, staged, low, high).await? {
                Ok(done) => tally.add(done),
                // The same `where` fails again with the upsert, which parks the row.
                Err(_) if low == high && step == Step::Release => {}
                Err(error) if low == high => {
                    tally.add(self.set_aside(step, route, staged, low, &error).await?);
                    if error.sqlstate() == Some(UNIQUE_VIOLATION) {
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
    pub(super) async fn attempt(
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
            Step::Release => self.release_left(route, staged, low, high).await.map(|()| Tally::default()),
            Step::Upsert => self.upsert(route, staged, low, high).await,
            Step::Aside => self.step_aside(route, low, high).await,
            Step::Back => self.put_back(route, low, high).await,
            Step::Leave => self.leave(route, staged, low, high).await,
            Step::Delete => self.delete(route, staged, low, high).await,
        };
        match done {
            Ok(tally) => {
                self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT step").await?;
                Ok(Ok(tally))
            }
            Err(error) if error.fault() == Fault::Park => {
                self.go_back("step", staged, mark).await?;
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Goes back to a savepoint of this customer, with all that is known since then.
    pub(super) async fn go_back(&mut self, savepoint: &str, staged: usize, mark: usize) -> Result<(), Error> {
        self.staged[staged].go_back(mark);
        // Numbers that were registered in between are gone with it.
        self.context.more_numbers.clear();
        let back = format!("ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}");
        Ok(self.statements.batch("going back to a savepoint", &back).await?)
    }

    async fn set_aside(
        &mut self,
        step: Step,
        route: usize,
        staged: usize,
        n: i32,
        error: &Error,
    ) -> Result<Tally, Error> {
        let sql = self.sql(route);
        if step == Step::Delete || (step == Step::Leave && sql.release_left.is_some()) {
            // The row stays, and so does its link: a later try has to find it.
            if let Some(restore) = &sql.restore_links
                && self.statements.execute("restoring a link", restore, &[&n, &n]).await? == 0
            {
                // A new source row has the identity by now: the old row is the customer's own from here on.
                return Ok(Tally { skipped: 1, ..Tally::default() });
            }
        }
        // It has been elsewhere in earlier waves: under a name, maybe, that was never committed.
        if step == Step::Upsert && self.staged[staged].ways_back.contains(&n) {
            // Where that fails it stays as it is.
            _ = self.attempt(Step::Back, route, staged, -n, -n).await?;
        }
        let object = object(error);
        let parked = self.park_rejected(route, staged, n, (error.sqlstate(), object.as_deref())).await?;
        tracing::warn!(
            customer = %self.plan.routes[route].to,
            dataset = %self.plan.routes[route].dataset,
            sqlstate = error.sqlstate().unwrap_or("none"),
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
            let history = &table.rows[row].history;
            // The link of a row that moved stands under its last identity: an earlier one would not be found.
            let first = if history.iter().any(|state| state.old.is_some()) { history.len() - 1 } else { 0 };
            states.extend((first..history.len()).map(|i| (history[i].sequence, row, i)));
        }
        states.sort_unstable();
        let last = self.staged[staged].last();
        // What is parked on the way is overtaken by what follows, unless the last try parks it again.
        self.context.generation -= 1;
        let source = self.plan.routes[route].source;
        let plan = self.plan;
        let copy = self.plan.sources[source].stage.copy.clone();
        for (_, row, i) in states {
            let state = &table.rows[row].history[i];
            let n = self.staged[staged].rows.len() + 1;
            let (text, staged_row) = encode_state(
                &table.projection,
                &plan.sources[source],
                n,
                state,
                &mut self.staged[staged].sets,
            );
            self.statements.copy("staging a state again", &copy, text).await?;
            self.staged[staged].rows.push(staged_row);
            let n = self.staged[staged].last();
            if let Ok(done) = self.attempt(Step::Upsert, route, staged, n, n).await? {
                tally.add(done);
            }
        }
        self.context.generation += 1;
        // The stage is everybody's: the next customer must not find these states on it.
        let sql = format!("DELETE FROM {} WHERE \"acequia:n\" > $1", self.plan.sources[source].stage.table);
        self.statements.execute("taking states off the stage", &sql, &[&last]).await?;
        self.staged[staged].rows.truncate(usize::try_from(last).unwrap_or(0));
        Ok(())
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
        | Error::Identity { .. }
        | Error::Unannounced { .. } => None,
    }
}
