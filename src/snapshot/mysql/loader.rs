//! One table: made anew, loaded, compared, indexed.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::convert::Malformed;
use super::super::crew::{Feed as Fed, Feeds};
use super::super::ddl::mysql::{Kind, Layout};
use super::super::loss::Losses;
use super::super::transcript::{Counts, Pass, Style};
use super::comparison::compare;
use super::error::{Error, told};
use super::insert;
use super::keeper::Hold;
use super::ledger::qualified;
use crate::config::{OnLoss, Server};
use crate::failpoint;
use crate::mysql::refusal::NO_JSON;
use crate::mysql::{self, Answer, Feed, Flavour, Session, feed};
use crate::name::backticked;

/// A column that refuses NULL got one.
const NO_NULL: [u16; 1] = [1048];
/// Pieces for the server are gathered up to this many bytes.
const PIECE_BYTES: usize = 256 << 10;

/// Everything that one table needs.
#[derive(Debug, Clone)]
pub struct Loader {
    pub(super) server: Server,
    pub(super) hold: Hold,
    pub(super) on_loss: OnLoss,
    pub(super) database: String,
    /// Its name when it is published, for messages.
    pub(super) table: String,
    /// Its name until then.
    pub(super) shadow: String,
    pub(super) layout: Layout,
    /// The columns of the source, by place.
    pub(super) columns: Vec<String>,
    /// So many tables' rows come one after the other.
    pub(super) sources: usize,
    /// Those that are text already, whatever their type.
    pub(super) wide: BTreeSet<usize>,
}

/// A table that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Rows, of all sources.
    pub rows: u64,
    /// Rows of each source, in their order.
    pub rows_by_source: Vec<u64>,
    /// Of each of the shape's columns.
    pub losses: Vec<Losses>,
    /// SHA-256 of what was sent, in hexadecimal.
    pub sha256: String,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The table is whole.
    Loaded(Loaded),
    /// These columns of the shape have to be text of any length: the table has to be read and loaded once more.
    Wider(BTreeSet<usize>),
}

/// Why the rows stopped.
enum Stop {
    /// The source's rows are wrong.
    Malformed(Malformed),
    /// The source ended without its end.
    CutOff,
    /// The server takes no more, and says why.
    Refused,
}

impl Loader {
    /// Loads the table from a data set's feed, as long as the run holds its lock.
    pub async fn run(self, feeds: Feeds) -> Result<Outcome, Error> {
        let hold = self.hold.clone();
        tokio::select! {
            outcome = self.fill(feeds) => outcome,
            error = hold.until_lost() => Err(error),
        }
    }

    async fn fill(self, feeds: Feeds) -> Result<Outcome, Error> {
        let mut session = mysql::open(&self.server).await?;
        let table = qualified(&self.database, &self.shadow);
        let doing = |what: &str| format!("{what} table {}", self.name());
        self.hold.check(&mut session).await?;
        session.execute(&doing("making"), &format!("DROP TABLE IF EXISTS {table}")).await?;
        let create = self.layout.create(&table, Some(session.identity().flavour));
        session.execute(&doing("making"), &create).await?;
        failpoint::hit("mysql-before-load");
        self.hold.check(&mut session).await?;
        let pass = Pass::new(&self.layout, Style::Lines);
        let (feed, food) = feed();
        let sources = self.sources;
        let converting = tokio::task::spawn_blocking(move || {
            convert(feeds, &feed, pass, sources).map(|counts| (feed, counts))
        });
        let converted = async {
            let (feed, counts) =
                converting.await.map_err(|_| Error::Broken)?.map_err(|stop| self.stopped(&stop))?;
            feed.finish().await;
            Ok::<_, Option<Error>>(counts)
        };
        let loading = async {
            if session.identity().local_infile {
                let load = self.load_data(&table, session.identity().flavour);
                let loaded =
                    session.load(&doing("loading"), (&self.database, &self.shadow), &load, food).await;
                loaded.map_err(Error::from)
            } else {
                let under = (&mut session, &self.hold);
                insert::insert(under, &doing("loading"), &table, &self.layout, food).await
            }
        };
        let (counts, answer) = tokio::join!(converted, loading);
        let (counts, answer) = match (counts, answer) {
            // What is wrong with the rows explains why the server got no end of them.
            (Err(Some(error)), _) => return Err(error),
            (_, Err(Error::Mysql(error))) => return self.refused(error),
            (_, Err(error)) => return Err(error),
            (Err(None), Ok(_)) => return Err(Error::Broken),
            (Ok(counts), Ok(answer)) => (counts, answer),
        };
        failpoint::hit("mysql-after-load");
        if let Some(wider) = self.judge(&mut session, &counts, answer).await? {
            return Ok(Outcome::Wider(wider));
        }
        compare(&mut session, &self.name(), &table, &self.layout, &counts).await?;
        if let Some(sql) = self.layout.add_indexes(&table) {
            self.hold.check(&mut session).await?;
            session.execute_long(&doing("indexing"), &sql).await?;
        }
        session.close().await;
        let Counts { rows, rows_by_source, losses, sha256, .. } = counts;
        Ok(Outcome::Loaded(Loaded { rows, rows_by_source, losses, sha256 }))
    }

    fn name(&self) -> String {
        qualified(&self.database, &self.table)
    }

    fn stopped(&self, stop: &Stop) -> Option<Error> {
        match stop {
            Stop::Malformed(malformed) => {
                Some(Error::Malformed { table: self.name(), malformed: *malformed })
            }
            Stop::CutOff => Some(Error::CutOff(self.name())),
            Stop::Refused => None,
        }
    }

    fn load_data(&self, table: &str, flavour: Flavour) -> String {
        let has = |kind: &Kind| self.layout.columns.iter().any(|column| &column.kind == kind);
        // Bytes are no characters: where there are some, nothing is to be converted. MySQL takes no JSON then.
        let as_bytes = has(&Kind::Bytes);
        let through_variable = |kind: &Kind| as_bytes && flavour == Flavour::Mysql && *kind == Kind::Json;
        let mut list = Vec::new();
        let mut set = Vec::new();
        for (place, column) in self.layout.columns.iter().enumerate() {
            let name = backticked(&column.name);
            if through_variable(&column.kind) {
                list.push(format!("@v{place}"));
                set.push(format!("{name} = CONVERT(@v{place} USING utf8mb4)"));
            } else {
                list.push(name);
            }
        }
        let list = if list.is_empty() { self.layout.column_list() } else { list.join(", ") };
        let set = if set.is_empty() { String::new() } else { format!(" SET {}", set.join(", ")) };
        let charset = if as_bytes { "binary" } else { "utf8mb4" };
        format!(
            "LOAD DATA LOCAL INFILE 'acequia' INTO TABLE {table} CHARACTER SET {charset} \
             FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({list}){set}"
        )
    }

    /// A value that the server takes for no JSON stops the statement, or only warns; the column is text then.
    fn refused(&self, error: mysql::Error) -> Result<Outcome, Error> {
        let json = self.json();
        if error.is_one_of(&NO_JSON) && !json.is_empty() {
            return Ok(Outcome::Wider(&self.wide | &json));
        }
        // LOAD DATA only warns of a NULL in a primary key, and the pass has told which column.
        let open = self.open();
        if error.is_one_of(&NO_NULL) && !open.is_subset(&self.wide) && self.on_loss != OnLoss::Fail {
            return Ok(Outcome::Wider(&self.wide | &open));
        }
        Err(error.into())
    }

    /// Columns that refuse NULL and may have to lose a value.
    fn open(&self) -> BTreeSet<usize> {
        let columns = self.layout.columns.iter().enumerate().skip(self.layout.leading);
        let open = columns.filter(|(_, column)| {
            column.not_null && (column.kind.may_lose() || matches!(column.kind, Kind::Varchar(_)))
        });
        open.map(|(place, _)| place - self.layout.leading).collect()
    }

    fn json(&self) -> BTreeSet<usize> {
        let columns = self.layout.columns.iter().enumerate();
        let json = columns.filter(|(_, column)| column.kind == Kind::Json);
        json.map(|(place, _)| place - self.layout.leading).collect()
    }

    /// Whether the table can stay: `Some` columns have to be wider.
    async fn judge(
        &self,
        session: &mut Session,
        counts: &Counts,
        answer: Answer,
    ) -> Result<Option<BTreeSet<usize>>, Error> {
        let lossy = || (0..self.columns.len()).filter(|place| !counts.losses[*place].is_empty());
        let mut wider = counts.too_long.clone();
        match self.on_loss {
            // A key has no NULL.
            OnLoss::Null => wider.extend(lossy().filter(|place| self.layout.primary().contains(place))),
            OnLoss::Text => wider.extend(lossy()),
            OnLoss::Fail => {
                let columns = told(self.columns.iter().map(String::as_str).zip(&counts.losses));
                if !columns.is_empty() {
                    return Err(Error::Loss { table: self.name(), columns });
                }
            }
        }
        if wider.is_empty() && answer.warnings > 0 {
            wider = self.warned(session).await?;
        }
        if wider.is_empty() && answer.rows != counts.rows {
            wider = self.json();
        }
        if wider.is_subset(&self.wide) && (!wider.is_empty() || answer.rows != counts.rows) {
            return Err(Error::Differs { table: self.name(), what: "the number of rows".to_owned() });
        }
        Ok((!wider.is_empty()).then(|| &self.wide | &wider))
    }

    /// The columns that the server's warnings are about. Only names of ours are looked for in its words.
    async fn warned(&self, session: &mut Session) -> Result<BTreeSet<usize>, Error> {
        let rows = session.ask("reading warnings", "SHOW WARNINGS").await?;
        let mut columns = BTreeSet::new();
        let mut codes = BTreeSet::new();
        for row in &rows {
            let [_, Some(code), Some(message)] = &row[..] else { continue };
            codes.insert(code.clone());
            let is_named = |column: &&String| {
                [format!("'{column}'"), format!("`{column}`"), format!(".{column}`")]
                    .iter()
                    .any(|form| message.contains(form.as_str()))
            };
            let leading = self.layout.leading;
            let own: Vec<&String> =
                self.layout.columns[leading..].iter().map(|column| &column.name).collect();
            let found = own.iter().position(is_named);
            columns.extend(found.filter(|place| !self.wide.contains(place)));
        }
        if columns.is_empty() {
            let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::Changed { table: self.name(), codes });
        }
        Ok(columns)
    }
}

/// Turns a feed of COPY into lines, in a thread of its own.
fn convert(mut feeds: Feeds, feed: &Feed, mut pass: Pass, sources: usize) -> Result<Counts, Stop> {
    let mut out = Vec::with_capacity(PIECE_BYTES * 2);
    let mut ended = 0;
    while let Some(fed) = feeds.blocking_recv() {
        match fed {
            Fed::Begin(customer) => {
                pass.begin(customer.as_str());
            }
            Fed::Piece(piece) => pass.push(&piece, &mut out).map_err(Stop::Malformed)?,
            Fed::End => {
                pass.end().map_err(Stop::Malformed)?;
                ended += 1;
            }
        }
        if out.len() >= PIECE_BYTES {
            let full = std::mem::replace(&mut out, Vec::with_capacity(PIECE_BYTES * 2));
            if !feed.blocking_send(Bytes::from(full)) {
                return Err(Stop::Refused);
            }
        }
    }
    if ended < sources {
        return Err(Stop::CutOff);
    }
    let counts = pass.finish(&mut out);
    if !out.is_empty() && !feed.blocking_send(Bytes::from(out)) {
        return Err(Stop::Refused);
    }
    Ok(counts)
}
