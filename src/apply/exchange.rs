//! Rows that exchange their keys and come without the states on the way: after a hold, only the last state of each is known.
//!
//! The source went through it step by step, with a third key in between. Here the rows are given such a key themselves,
//! all of them, and then each takes its last state.

use super::careful::Step;
use super::customer::Part;
use super::error::Error;
use super::ledger::Tally;

/// So many rows of one circle at most.
const ROWS: usize = 64;

impl Part<'_> {
    /// Tries rows that a unique constraint refused as a circle. A row that is refused all the same is not part of it, and
    /// the others are tried without it. Answers how many got in: those are no longer parked.
    pub(super) async fn exchange(
        &mut self,
        route: usize,
        staged: usize,
        mut refused: Vec<i32>,
    ) -> Result<u64, Error> {
        if refused.len() > ROWS || self.sql(route).step_aside.is_none() {
            return Ok(0);
        }
        while refused.len() > 1 {
            self.statements.batch("setting a savepoint", "SAVEPOINT circle").await?;
            let mark = self.staged[staged].mark();
            let Some(stranger) = self.go_round(route, staged, &refused).await? else {
                self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT circle").await?;
                return Ok(refused.len() as u64);
            };
            self.go_back("circle", staged, mark).await?;
            refused.retain(|n| *n != stranger);
        }
        Ok(0)
    }

    /// All make way, then each goes to its place. Answers the first that has none.
    async fn go_round(&mut self, route: usize, staged: usize, rows: &[i32]) -> Result<Option<i32>, Error> {
        for step in [Step::Aside, Step::Upsert] {
            for &n in rows {
                // Parked for another reason is refused too.
                if self.attempt(step, route, staged, n, n).await?.map_or(true, |done| done.parked > 0) {
                    return Ok(Some(n));
                }
            }
        }
        let sql = self.sql(route);
        let row = &self.plan.routes[route];
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        for n in rows {
            // Of this generation or an older one: it has been written.
            let params: [super::statements::Param<'_>; 6] = [n, n, &from, &to, &dataset, &-1_i64];
            self.statements.execute("dropping what got in", &sql.supersede, &params).await?;
        }
        Ok(None)
    }

    /// Gives rows the key back that they had before the transaction.
    pub(super) async fn put_back(&mut self, route: usize, low: i32, high: i32) -> Result<Tally, Error> {
        let sql = self.sql(route);
        if let Some(back) = &sql.put_back {
            self.change(route, self.context.numbers[route], back, &[&low, &high]).await?;
        }
        Ok(Tally::default())
    }

    /// Gives rows a key that nobody has.
    pub(super) async fn step_aside(&mut self, route: usize, low: i32, high: i32) -> Result<Tally, Error> {
        let sql = self.sql(route);
        if let Some(aside) = &sql.step_aside {
            self.change(route, self.context.numbers[route], aside, &[&low, &high]).await?;
        }
        Ok(Tally::default())
    }
}
