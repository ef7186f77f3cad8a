//! One customer's rows that are gone at the source or have left `where`: what the rule does about them.

use super::context::Images;
use super::customer::Part;
use super::error::Error;
use super::ledger::Tally;

impl Part<'_> {
    /// What is gone at the source, and what the rule does about it.
    pub(super) async fn delete(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<Tally, Error> {
        let deletes = self.staged[staged].extent(low, high).deletes;
        let mut tally = Tally::default();
        let sql = self.sql(route);
        let truncated = self.staged[staged].truncated;
        let departs = if truncated { &sql.truncated } else { &sql.gone };
        if let Some(departs) = departs.as_ref().filter(|_| deletes > 0) {
            let deletes = truncated || sql.gone_deletes;
            let done = self.depart(route, (departs, deletes), low, high).await?;
            *(if deletes { &mut tally.deleted } else { &mut tally.updated }) = done;
        }
        tally.skipped = deletes.saturating_sub(tally.deleted + tally.updated);
        Ok(tally)
    }

    /// What an update moved out of `where`, and what the rule does about it.
    pub(super) async fn leave(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<Tally, Error> {
        let sql = self.sql(route);
        let mut tally = Tally::default();
        if self.staged[staged].extent(low, high).living == 0 {
            return Ok(tally);
        }
        if let Some(left) = &sql.left {
            let done = self.depart(route, (left, sql.left_deletes), low, high).await?;
            *(if sql.left_deletes { &mut tally.deleted } else { &mut tally.updated }) = done;
        }
        if let Some(unlink) = &sql.unlink_left {
            self.statements.execute("dropping links of rows that left", unlink, &[&low, &high]).await?;
        }
        Ok(tally)
    }

    /// Runs a statement that takes rows away or marks them, again where a row was changed in between.
    async fn depart(
        &mut self,
        route: usize,
        (sql, deletes): (&str, bool),
        low: i32,
        high: i32,
    ) -> Result<u64, Error> {
        let number =
            if deletes { self.number(route, Images::Whole).await? } else { self.context.numbers[route] };
        self.ask_again("following what is gone", (route, number), sql, &[&low, &high]).await
    }
}
