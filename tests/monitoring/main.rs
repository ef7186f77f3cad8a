//! What is told to those who watch from outside: answers by HTTP, metrics, alert rules, the dashboard.
//!
//! The states are made up, so that each way of being unwell can be told of; `tests/live/` has a daemon tell of itself.

mod dashboard;
mod http;
mod made_up;
mod page;
mod promtool;
mod rules;

// Of the live tests.
#[path = "../live/support/port.rs"]
mod port;
#[path = "../live/support/skip.rs"]
mod skip;
