//! What a failure in a customer's own part costs: rows of it, a data set, the customer, or the flow.

use crate::fault::Fault;

use super::error::Error;

/// `lock_not_available`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What a failure in a customer's own part costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Rows of it.
    Rows,
    /// The customer, until somebody lets go of a lock.
    Customer,
    /// The data set, until somebody mends its table.
    Dataset,
}

/// A failure in a customer's own part.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cost: Cost,
    /// Position in the plan's customers, where it is known.
    pub(super) customer: Option<usize>,
    /// The route at hand, where there was one.
    pub(super) route: Option<usize>,
    pub(super) error: Error,
}

impl Failure {
    /// A failure of a customer's own, or the error again where it is the flow's: a connection, a deadlock, a full disk.
    pub(super) fn of(error: Error, customer: Option<usize>, route: Option<usize>) -> Result<Self, Error> {
        let sqlstate = error.sqlstate();
        let cost = match error.fault() {
            Fault::Park => Cost::Rows,
            Fault::Retry if sqlstate == Some(LOCK_NOT_AVAILABLE) => Cost::Customer,
            Fault::Halt if sqlstate.is_some() => Cost::Dataset,
            Fault::Retry | Fault::Halt => return Err(error),
        };
        Ok(Self { cost, customer, route, error })
    }
}
