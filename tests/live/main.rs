//! Tests of the real binary against a real PostgreSQL server.
//!
//! One program for all of them: they share a throw-away server, and are linked once. A line here adds a module.

mod support;

mod backfill;
mod bad_input;
mod canary;
mod cascade;
mod commands;
mod drift;
mod explain;
mod faults;
mod forget;
mod health;
mod history;
mod holds;
mod journal;
mod leaks;
mod links;
mod model;
mod mysql;
mod notices;
mod odd;
mod outage;
mod package;
mod panics;
mod planted;
mod privileges;
mod reload;
mod retained;
mod scenarios;
mod sessions;
mod slots;
mod snapshots;
mod systemd;
mod told;
mod trail;
mod unread;
mod verify;
mod versions;
