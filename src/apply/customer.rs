//! One customer's routes over the stage, parents before children.
//!
//! The usual cases end early: a wave of new rows is one INSERT, a wave of changes one UPDATE. Only rows that these leave
//! over go through the longer way: stale links dropped, existing rows linked by natural key, values fetched that the
//! stream did not bring, and what then has no place is parked with its reason.

use std::sync::Arc;

use crate::config::Mode;
use crate::name::Ident;
use crate::rules::{Plan, RouteSql};

use super::context::{Context, Images};
use super::error::Error;
use super::ledger::{self, Circled, Tally};
use super::stage::Staged;
use super::statements::Statements;
use super::unchanged;

/// `character_not_in_repertoire`.
pub(super) const ILLEGIBLE: &str = "22021";
/// How often a statement is asked again when rows change under its feet.
const ASK_AGAIN: usize = 3;

/// Everything that one customer's part of a wave needs.
pub(super) struct Part<'a> {
    pub(super) statements: &'a mut Statements,
    pub(super) context: &'a mut Context,
    pub(super) plan: &'a Plan,
    pub(super) staged: &'a mut [Staged],
    /// Position in the plan's customers.
    pub(super) customer: usize,
    /// For each route of the plan whether it is held.
    pub(super) closed: &'a [bool],
    /// The stage holds parked rows: each knows all that was parked of it.
    pub(super) restored: bool,
    /// The route at hand: the one at fault, when something fails.
    pub(super) at: Option<usize>,
}

impl Part<'_> {
    /// The routes of this customer that the wave touches, with the staged table of each: (route, staged). Not
    /// those that are held.
    pub(super) fn touched(&self) -> Vec<(usize, usize)> {
        let routes = self.plan.customers[self.customer].routes.clone();
        let staged =
            |route: usize| self.staged.iter().position(|staged| staged.goes_by(&self.plan.routes[route]));
        let open = routes.filter(|&route| !self.closed[route]);
        let touched = open.filter_map(|route| Some((route, staged(route)?)));
        // A truncation is staged as deletes, for the routes that follow it.
        touched.filter(|&(route, place)| self.staged[place].concerns(&self.plan.routes[route])).collect()
    }

    /// The statements of a route.
    pub(super) fn sql(&mut self, route: usize) -> Arc<RouteSql> {
        self.context.sql(self.plan, route)
    }

    /// Applies the whole wave to this customer.
    pub(super) async fn apply(&mut self, tallies: &mut [Tally]) -> Result<(), Error> {
        let touched = self.touched();
        for &(route, staged) in &touched {
            let last = self.staged[staged].last();
            self.at = Some(route);
            self.release(route, staged, 1, last).await?;
            self.release_left(route, staged, 1, last).await?;
        }
        let mut circled = Circled::default();
        for &(route, staged) in &touched {
            self.at = Some(route);
            self.close_circles(route, &touched, &mut circled).await?;
            let last = self.staged[staged].last();
            let done = self.upsert(route, staged, 1, last).await?;
            tallies[route].add(circled.count(route, done));
        }
        for &(route, staged) in touched.iter().rev() {
            let last = self.staged[staged].last();
            self.at = Some(route);
            tallies[route].add(self.leave(route, staged, 1, last).await?);
            tallies[route].add(self.delete(route, staged, 1, last).await?);
        }
        for &(route, staged) in &touched {
            tallies[route].parked += self.finish(route, staged).await?;
        }
        self.take_back(&touched).await
    }

    /// What was completed for this customer is not complete for the next one.
    pub(super) async fn take_back(&mut self, touched: &[(usize, usize)]) -> Result<(), Error> {
        for &(route, staged) in touched {
            let table = &self.plan.sources[self.plan.routes[route].source];
            unchanged::take_back(self.statements, table, &mut self.staged[staged]).await?;
        }
        Ok(())
    }

    /// Takes the links of rows that are gone, and moves the links of rows that have another identity now.
    pub(super) async fn release(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<(), Error> {
        let extent = self.staged[staged].extent(low, high);
        let sql = self.sql(route);
        if let (Some(create), Some(release)) = (&sql.create_released, &sql.release)
            && extent.deletes + extent.moved > 0
        {
            self.statements.batch("preparing released links", create).await?;
            self.statements.execute("releasing links", release, &[&low, &high]).await?;
        }
        if let Some(relink) = sql.relink.as_ref().filter(|_| extent.moved > 0) {
            self.statements.execute("moving links", relink, &[&low, &high]).await?;
        }
        if let Some(refresh) = sql.refresh_references.as_ref().filter(|_| extent.living > extent.inserts) {
            self.statements.execute("refreshing links", refresh, &[&low, &high]).await?;
        }
        if let Some(create) =
            sql.create_released.as_ref().filter(|_| sql.release_left.is_some() && extent.living > 0)
        {
            self.statements.batch("preparing released links", create).await?;
        }
        Ok(())
    }

    /// Takes the links of rows outside `where` that are to be deleted. SQL of the rules is at work: it can fail for a row.
    pub(super) async fn release_left(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<(), Error> {
        let sql = self.sql(route);
        if let Some(release) = &sql.release_left
            && self.staged[staged].extent(low, high).living > 0
        {
            self.know_filter(route, staged, low, high).await?;
            self.statements.execute("releasing links of rows that left", release, &[&low, &high]).await?;
        }
        Ok(())
    }

    /// Creates and changes the customer's rows, and parks what has no place.
    pub(super) async fn upsert(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<Tally, Error> {
        let extent = self.staged[staged].extent(low, high);
        let mut tally = Tally::default();
        let mode = self.plan.routes[route].mode;
        self.complete_beside_parked(route, staged, low, high).await?;
        let given = self.given(route, staged, low, high).await?;
        if extent.moved > 0 {
            tally.updated += self.rename(route, low, high).await?;
        }
        if extent.passing > 0 {
            self.follow(route, staged, low, high).await?;
        }
        if extent.inserts > 0 && given > 0 && mode != Mode::LinkOnly {
            tally.created += self.insert(route, low, high).await?;
        }
        if mode == Mode::Override && tally.created < given + extent.moved {
            tally.updated += self.update(route, staged, low, high).await?;
        }
        let all_new = tally.created >= given;
        let all_changed = tally.created == 0 && tally.updated == given && extent.moved == 0;
        if !all_new && !all_changed {
            let matched = self.matched(route, low, high).await?;
            if matched < given {
                tally.add(self.place_leftovers(route, staged, low, high).await?);
            }
        }
        tally.skipped = extent.living.saturating_sub(tally.created + tally.updated + tally.parked);
        Ok(tally)
    }

    /// How many of the rows the customer is given: all that are there, or those inside `where`.
    async fn given(&mut self, route: usize, staged: usize, low: i32, high: i32) -> Result<u64, Error> {
        let sql = self.sql(route);
        let Some(given) = &sql.given else { return Ok(self.staged[staged].extent(low, high).living) };
        self.know_filter(route, staged, low, high).await?;
        Ok(self.statements.count("asking which rows are inside `where`", given, &[&low, &high]).await?)
    }

    /// Where the stream left a value out that `where` reads, the answer would be a guess: it is fetched.
    async fn know_filter(&mut self, route: usize, staged: usize, low: i32, high: i32) -> Result<(), Error> {
        let sql = self.sql(route);
        let unknown = self.staged[staged].rows_without(&sql.filter_columns, low, high);
        if !unknown.is_empty() {
            let table = &self.plan.sources[self.plan.routes[route].source];
            let staged = &mut self.staged[staged];
            unchanged::complete(self.statements, &mut self.context.source, table, staged, &unknown).await?;
        }
        Ok(())
    }

    async fn place_leftovers(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<Tally, Error> {
        let sql = self.sql(route);
        let mode = self.plan.routes[route].mode;
        let mut tally = Tally::default();
        if let (Some(unlink), Some(link)) = (&sql.unlink_stale, &sql.link_found) {
            self.statements.execute("dropping stale links", unlink, &[&low, &high]).await?;
            self.statements.execute("linking what is there", link, &[&low, &high]).await?;
        }
        if mode != Mode::LinkOnly {
            tally.created += self.create_leftovers(route, low, high).await?;
            if self.complete(route, staged, low, high).await? {
                tally.created += self.create_leftovers(route, low, high).await?;
            }
        }
        if mode == Mode::Override {
            tally.updated += self.update(route, staged, low, high).await?;
        }
        tally.parked += self.park_leftovers(route, staged, low, high).await?;
        Ok(tally)
    }

    /// A row that refers to another one of its own table gets in once that one is in, as deep as it goes.
    async fn create_leftovers(&mut self, route: usize, low: i32, high: i32) -> Result<u64, Error> {
        let mut total = 0;
        loop {
            let created = self.insert(route, low, high).await?;
            total += created;
            if created == 0 || !self.plan.routes[route].refers_to_itself {
                break;
            }
        }
        Ok(total)
    }

    /// Fetches what the stream left out of rows that have to be created. Answers whether there were any.
    async fn complete(&mut self, route: usize, staged: usize, low: i32, high: i32) -> Result<bool, Error> {
        if self.staged[staged].sets_in(low, high).iter().all(|set| *set == 0) {
            return Ok(false);
        }
        let sql = self.sql(route);
        let rows =
            self.statements.query("looking for incomplete rows", &sql.incomplete, &[&low, &high]).await?;
        self.fetch(route, staged, &rows).await
    }

    /// Fetches what the stream left out of rows that are parked already: the parked state may have brought it.
    async fn complete_beside_parked(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<(), Error> {
        let whole = self.staged[staged].sets_in(low, high).iter().all(|set| *set == 0);
        if self.restored || whole || !self.context.parked.contains(&route) {
            return Ok(());
        }
        let row = &self.plan.routes[route];
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        let params: [super::statements::Param<'_>; 5] = [&low, &high, &from, &to, &dataset];
        let sql = self.sql(route);
        let sql = &sql.incomplete_beside_parked;
        let rows = self.statements.query("looking beside parked rows", sql, &params).await?;
        self.fetch(route, staged, &rows).await?;
        Ok(())
    }

    /// Completes staged rows from the source. Answers whether there were any.
    async fn fetch(
        &mut self,
        route: usize,
        staged: usize,
        rows: &[tokio_postgres::Row],
    ) -> Result<bool, Error> {
        if rows.is_empty() {
            return Ok(false);
        }
        let numbers: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        let table = &self.plan.sources[self.plan.routes[route].source];
        let source = &mut self.context.source;
        unchanged::complete(self.statements, source, table, &mut self.staged[staged], &numbers).await?;
        Ok(true)
    }

    async fn insert(&mut self, route: usize, low: i32, high: i32) -> Result<u64, Error> {
        let sql = self.sql(route);
        self.create(route, &sql.insert, low, high).await
    }

    async fn create(&mut self, route: usize, sql: &str, low: i32, high: i32) -> Result<u64, Error> {
        let (expected, written) = self.statements.counts("creating rows", sql, &[&low, &high]).await?;
        if expected != written {
            return Err(Error::Ignored { table: self.plan.routes[route].target.to_string() });
        }
        Ok(written)
    }

    async fn update(&mut self, route: usize, staged: usize, low: i32, high: i32) -> Result<u64, Error> {
        let mut updated = 0;
        for set in self.staged[staged].sets_in(low, high) {
            let (sql, number) = if set == 0 {
                (self.sql(route).update.clone(), self.context.numbers[route])
            } else {
                let unchanged = self.staged[staged].sets[set - 1].clone();
                (
                    self.sql(route).update_without(&unchanged),
                    self.number(route, Images::Without(unchanged)).await?,
                )
            };
            let set = i32::try_from(set).unwrap_or(i32::MAX);
            updated += self.change(route, number, &sql, &[&low, &high, &set]).await?;
        }
        Ok(updated)
    }

    /// The route's number for images of other columns than the usual ones.
    pub(super) async fn number(&mut self, route: usize, of: Images) -> Result<i32, Error> {
        let key = (route, of);
        if let Some(number) = self.context.more_numbers.get(&key) {
            return Ok(*number);
        }
        let row = &self.plan.routes[route];
        let images: Vec<Ident> = match &key.1 {
            Images::Whole => row.whole_columns.to_vec(),
            Images::Without(unchanged) => {
                let is_known = |depends: &[usize]| !depends.iter().any(|column| unchanged.contains(column));
                let known = row.image_columns.iter().filter(|(_, depends)| is_known(depends));
                known.map(|(name, _)| name.clone()).collect()
            }
        };
        let number = ledger::register_one(self.statements, self.plan, row, &images).await?;
        self.context.more_numbers.insert(key, number);
        Ok(number)
    }

    async fn rename(&mut self, route: usize, low: i32, high: i32) -> Result<u64, Error> {
        let Some(sql) = self.sql(route).rename.clone() else { return Ok(0) };
        // What is renamed is then compared and updated like every other row: it is counted there, or was equal.
        self.change(route, self.context.numbers[route], &sql, &[&low, &high, &0_i32]).await?;
        Ok(0)
    }

    /// Moves the keys of rows on their way. They are not counted: what becomes of them in the end is.
    async fn follow(&mut self, route: usize, staged: usize, low: i32, high: i32) -> Result<(), Error> {
        for set in self.staged[staged].sets_in(low, high) {
            let unchanged = set.checked_sub(1).map_or(&[][..], |set| &self.staged[staged].sets[set]).to_vec();
            let Some(sql) = self.sql(route).follow_without(&unchanged) else { return Ok(()) };
            let number = if set == 0 {
                self.context.numbers[route]
            } else {
                self.number(route, Images::Without(unchanged)).await?
            };
            let set = i32::try_from(set).unwrap_or(i32::MAX);
            self.change(route, number, &sql, &[&low, &high, &set]).await?;
        }
        Ok(())
    }

    /// Runs a statement that journals and changes rows, again where a row was changed in between.
    pub(super) async fn change(
        &mut self,
        route: usize,
        number: i32,
        sql: &str,
        range: &[super::statements::Param<'_>],
    ) -> Result<u64, Error> {
        self.ask_again("overriding rows", (route, number), sql, range).await
    }

    /// Runs a statement that takes position and number behind its own parameters, and answers what it expected and wrote: again
    /// where the two differ.
    pub(super) async fn ask_again(
        &mut self,
        doing: &str,
        (route, number): (usize, i32),
        sql: &str,
        range: &[super::statements::Param<'_>],
    ) -> Result<u64, Error> {
        let lsn = self.context.lsn_text();
        let mut params = range.to_vec();
        params.push(&lsn);
        params.push(&number);
        let mut total = 0;
        for _ in 0..ASK_AGAIN {
            let (expected, written) = self.statements.counts(doing, sql, &params).await?;
            total += written;
            if expected == written {
                return Ok(total);
            }
        }
        Err(Error::Ignored { table: self.plan.routes[route].target.to_string() })
    }

    async fn matched(&mut self, route: usize, low: i32, high: i32) -> Result<u64, Error> {
        let sql = self.sql(route);
        Ok(self.statements.count("matching rows", &sql.matched, &[&low, &high]).await?)
    }

    /// Parks what can't be read; forgets released links, and what was parked and has been overtaken by this wave. Answers
    /// how many rows were parked.
    pub(super) async fn finish(&mut self, route: usize, staged: usize) -> Result<u64, Error> {
        let parked = self.park_illegible(route, staged).await?;
        let last = self.staged[staged].last();
        let extent = self.staged[staged].extent(1, last);
        let row = &self.plan.routes[route];
        let sql = self.sql(route);
        let left = sql.release_left.is_some() && extent.living > 0;
        let releases = left || extent.deletes + extent.moved > 0;
        if let Some(clear) = sql.clear_released.as_ref().filter(|_| releases) {
            self.statements.execute("forgetting released links", clear, &[]).await?;
        }
        if self.context.parked.contains(&route) {
            let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
            let generation = self.context.generation;
            self.statements
                .execute(
                    "dropping overtaken rows",
                    &sql.supersede,
                    &[&1_i32, &last, &from, &to, &dataset, &generation],
                )
                .await?;
        }
        Ok(parked)
    }

    /// Rows with a value whose bytes are no text wait until the source changes them. Nothing is put in the bytes' place.
    async fn park_illegible(&mut self, route: usize, staged: usize) -> Result<u64, Error> {
        let mut parked = 0;
        for (n, column) in self.staged[staged].illegible.clone() {
            let source = &self.plan.sources[self.plan.routes[route].source];
            let object = format!("column \"{}\" holds bytes that are not UTF-8", source.columns[column].name);
            parked += self.park_rejected(route, staged, n, (Some(ILLEGIBLE), Some(&object))).await?;
            tracing::warn!(
                customer = %self.plan.routes[route].to,
                dataset = %self.plan.routes[route].dataset,
                column = %source.columns[column].name,
                "a row is parked: a value is not text in UTF-8; correct it at the source"
            );
        }
        Ok(parked)
    }
}
