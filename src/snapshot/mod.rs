//! Snapshots: all tables of customers, at one moment, to `.DAT` archives, SQL files or a MySQL server, on a timer.
//!
//! ```text
//! table       what a customer's schema holds: tables, columns, keys, comments (catalog reads them)
//! selection   what of it is in the snapshot; grants: what the role needs for it; stem: what the files are called
//! moment      the instant that all tables of a database show, and the reading of tables at it
//! dataset     tables of one customer, or of all of them, that become one file; scope: all that one run reads
//! crew        several workers that read them, the largest first, and feed the writers
//! convert     COPY text to .DAT files, cell by cell; transcript: to what MySQL reads; loss: what is lost, counted
//! ddl         tables as the SQL that makes them
//! archive     files on their way to the disk: deflated, hashed, sealed, read back
//! increment   what has changed since the last published run
//! dat         one data set through its pass into a part; archives: parts into ZIPs; dumps: into files of statements
//! mysql       tables of a server, loaded beside the published ones and swapped; tables: a run of them
//! manifest    what is written beside the data (describe makes it)
//! place       where a snapshot is published, in one step; what is kept, and for how long
//! run         one run, from the moment to the published snapshot; progress: how far it is
//! record      what is remembered of earlier runs; agenda: what comes next
//! load        a published one, put back into a database
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
