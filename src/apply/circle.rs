//! Rows that refer to each other in a circle get in together, before the routes of the circle go their usual way.

use crate::fault::Fault;
use crate::rules::Circle;

use super::customer::Part;
use super::error::Error;
use super::ledger::Circled;

impl Part<'_> {
    /// Creates the rows of the circles whose first touched route this is. Rows that others can come before are among
    /// them; what then is left over goes the usual way.
    pub(super) async fn close_circles(
        &mut self,
        route: usize,
        touched: &[(usize, usize)],
        circled: &mut Circled,
    ) -> Result<(), Error> {
        let plan = self.plan;
        for circle in &plan.customers[self.customer].circles {
            let own: Vec<(usize, usize)> =
                touched.iter().copied().filter(|(one, _)| circle.contains(one)).collect();
            if own.first().is_none_or(|(first, _)| *first != route) {
                continue;
            }
            if self.draw(&own).await? == 0 {
                continue;
            }
            while self.withdraw(&own).await? > 0 {}
            self.create_drawn(&own, circled).await?;
        }
        Ok(())
    }

    /// The same inside a savepoint: where the server refuses a row, all of them go the usual way.
    pub(super) async fn try_circles(
        &mut self,
        route: usize,
        touched: &[(usize, usize)],
        circled: &mut Circled,
    ) -> Result<(), Error> {
        if self.plan.customers[self.customer].circles.is_empty() {
            return Ok(());
        }
        self.statements.batch("setting a savepoint", "SAVEPOINT circle").await?;
        match self.close_circles(route, touched, circled).await {
            Ok(()) => self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT circle").await?,
            Err(error) if error.fault() == Fault::Park => {
                *circled = Circled::default();
                let sql = "ROLLBACK TO SAVEPOINT circle; RELEASE SAVEPOINT circle";
                self.statements.batch("going back to a savepoint", sql).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn draw(&mut self, own: &[(usize, usize)]) -> Result<u64, Error> {
        let mut drawn = 0;
        for &(route, staged) in own {
            let last = self.staged[staged].last();
            if let Some(circle) = &self.sql(route).circle {
                let doing = "drawing numbers for a circle";
                drawn += self.statements.execute(doing, &circle.draw, &[&1_i32, &last]).await?;
            }
        }
        Ok(drawn)
    }

    async fn withdraw(&mut self, own: &[(usize, usize)]) -> Result<u64, Error> {
        let mut taken = 0;
        for &(route, staged) in own {
            let last = self.staged[staged].last();
            if let Some(circle) = &self.sql(route).circle {
                let doing = "taking back what misses a row";
                taken += self.statements.execute(doing, &circle.take_back, &[&1_i32, &last]).await?;
            }
        }
        Ok(taken)
    }

    async fn create_drawn(&mut self, own: &[(usize, usize)], circled: &mut Circled) -> Result<(), Error> {
        let plan = self.plan;
        let texts: Vec<_> = own.iter().map(|(route, _)| self.sql(*route)).collect();
        let sql = Circle::insert(texts.iter().filter_map(|sql| sql.circle.as_ref()));
        // One range for all stages: the longest.
        let last = own.iter().map(|(_, staged)| self.staged[*staged].last()).max().unwrap_or(0);
        let rows = self.statements.query("creating rows of a circle", &sql, &[&1_i32, &last]).await?;
        for (place, &(route, _)) in own.iter().enumerate() {
            let count = |column: usize| rows.first().map_or(0, |row| row.get::<_, i64>(column));
            let (expected, written) = (count(2 * place), count(2 * place + 1));
            if expected != written {
                return Err(Error::Ignored { table: plan.routes[route].target.to_string() });
            }
            circled.note(route, u64::try_from(written).unwrap_or(0));
        }
        Ok(())
    }
}
