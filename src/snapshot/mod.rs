//! Snapshots: all tables of customers, at one moment, to `.DAT` archives, SQL files or a MySQL server, on a timer.
//!
//! ```text
//! table      what a customer's schema holds: tables, columns, keys, comments (catalog reads them)
//! stem       what the files of tables are called
//! selection  what of it is in the snapshot
//! grants     what the role needs for it
//! moment     the instant that all tables of a database show, and the reading of tables at it
//! loss       what a format can't hold, counted
//! manifest   what is written beside the data: which moment, which tables, how many rows, which hashes
//! progress   how far a run is
//! convert    COPY text to the bytes of a format, cell by cell, losses counted
//! ddl        tables as the SQL that makes them
//! record     what is remembered of earlier runs, and agenda: what comes next
//! place      where a snapshot is published, in one step; what is kept, and for how long
//! archive    the data sets in files: deflated, hashed, sealed, read back
//! load       a published one, put back into a database
//! transcript COPY text to what MySQL and MariaDB read: LOAD DATA, or statements
//! mysql      tables of a MySQL or MariaDB server: loaded beside the published ones, compared, swapped
//! dat        one data set, through its pass into a part
//! increment  what has changed since the last published run
//! dat, archives   data sets into .DAT files and ZIPs; dumps: into files of statements; tables: into a server
//! run        one run, from the moment to the published snapshot
//! ```
//!
//! Deliberately absent: rules and the writing of rows. A snapshot reads the source and nothing else of the house.

pub mod table;
pub mod stem;
pub mod catalog;
pub mod moment;
pub mod selection;
pub mod grants;
pub mod dataset;
pub mod crew;
pub mod scope;
pub mod loss;
pub mod manifest;
pub mod progress;
pub mod convert;
pub mod ddl;
pub mod transcript;
pub mod mysql;
pub mod error;
pub mod describe;
pub mod dat;
pub mod archives;
pub mod tables;
pub mod dumps;
pub mod run;
pub mod record;
pub mod agenda;
pub mod place;
pub mod archive;
pub mod load;
pub mod increment;
