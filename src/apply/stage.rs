//! The stage: a wave's rows as COPY text, sent once however many customers receive them.

use std::collections::BTreeSet;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::name::array_text;
use crate::row::{Cell, Tuple};
use crate::rules::{Route, SourceTable};

use super::fold::{FoldedRow, Op, State, WaveTable};
use super::projection::Projection;

/// What stands in a stage, as the statements need to know it.
#[derive(Debug)]
pub(super) struct Staged {
    /// Position in the plan's sources.
    pub(super) source: usize,
    /// Row `n` of the stage is entry `n - 1`.
    pub(super) rows: Vec<StagedRow>,
    /// Sets of staged columns that the stream did not bring; set `u` is entry `u - 1`.
    pub(super) sets: Vec<Vec<usize>>,
    /// Rows that nobody gets, because a value can't be read, each with that staged column. What stands in a database that
    /// is encoded in `SQL_ASCII` need not be text at all.
    pub(super) illegible: Vec<(i32, usize)>,
    /// Rows that stand there again as `-n`, with the identity from before the transaction.
    pub(super) ways_back: BTreeSet<i32>,
    /// It stands for a TRUNCATE: the rows are deletes, for the routes that follow it.
    pub(super) truncated: bool,
    /// Rows that were changed since they were staged, as they were: undone when a savepoint takes the values back.
    log: Vec<(usize, StagedRow)>,
    /// A flow of ours wrote it at the source: only routes that cascade carry it on.
    pub(super) own: bool,
}

/// One row of a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct StagedRow {
    pub(super) op: Op,
    /// It has another identity than before.
    pub(super) moved: bool,
    /// 0, or its set of columns that are not known.
    pub(super) set: usize,
    /// Some of them have to be fetched: what the customer has there says nothing.
    pub(super) forced: bool,
    /// The values of its set have been fetched and stand on the stage, known to whoever asked for them.
    pub(super) fetched: bool,
    /// Its set, while it is complete for the customer at hand only; else 0.
    lent: usize,
}

impl StagedRow {
    /// A row as it comes.
    pub(super) fn new(op: Op, moved: bool, set: usize) -> Self {
        Self { op, moved, set, forced: false, fetched: false, lent: 0 }
    }
}

/// Counts over a range of a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Rows that are there.
    pub(super) living: u64,
    /// … of them new in this wave.
    pub(super) inserts: u64,
    /// … with another identity than before.
    pub(super) moved: u64,
    /// Rows that are gone.
    pub(super) deletes: u64,
    /// Rows on their way through a state that nobody may see.
    pub(super) passing: u64,
}

impl Staged {
    /// An empty stage.
    pub(super) fn new(source: usize) -> Self {
        Self {
            source,
            rows: Vec::new(),
            sets: Vec::new(),
            illegible: Vec::new(),
            ways_back: BTreeSet::new(),
            truncated: false,
            own: false,
            log: Vec::new(),
        }
    }

    /// So many deletes that stand for a TRUNCATE.
    pub(super) fn truncation(source: usize, deletes: usize) -> Self {
        let row = StagedRow::new(Op::Delete, false, 0);
        Self { rows: vec![row; deletes], truncated: true, ..Self::new(source) }
    }

    /// Whether a route carries these rows.
    pub(super) fn goes_by(&self, route: &Route) -> bool {
        self.source == route.source && (route.cascade || !self.own)
    }

    /// The route does something about these rows: a truncation is staged as deletes, for the routes that follow it.
    pub(super) fn concerns(&self, route: &Route) -> bool {
        !self.truncated || route.recipe.follows_truncation()
    }

    /// The missing values of row `n` stand on the stage now: for the customer at hand it is complete.
    pub(super) fn complete(&mut self, n: i32) {
        let Some((place, row)) = place(n).and_then(|place| Some((place, self.rows.get_mut(place)?))) else {
            return;
        };
        self.log.push((place, *row));
        (row.lent, row.set, row.fetched) = (row.set, 0, true);
    }

    /// What has been completed so far is complete for everybody.
    pub(super) fn settle(&mut self) {
        for (place, _) in self.log.drain(..) {
            if let Some(row) = self.rows.get_mut(place) {
                row.lent = 0;
            }
        }
    }

    /// The rows that are complete for the customer at hand only, each with its set, as arrays for SQL; they are
    /// incomplete again.
    pub(super) fn take_back(&mut self) -> (Vec<i32>, Vec<i32>) {
        let mut places: Vec<usize> = self.log.iter().map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.dedup();
        let mut taken = (Vec::new(), Vec::new());
        for place in places {
            let Some(row) = self.rows.get_mut(place).filter(|row| row.lent != 0) else { continue };
            self.log.push((place, *row));
            taken.0.push(i32::try_from(place + 1).unwrap_or(i32::MAX));
            taken.1.push(i32::try_from(row.lent).unwrap_or(i32::MAX));
            (row.set, row.lent) = (row.lent, 0);
        }
        taken
    }

    /// The rows whose values have to be fetched before anybody gets them.
    pub(super) fn forced(&self) -> Vec<i32> {
        let forced = self.rows.iter().enumerate().filter(|(_, row)| row.forced && row.set != 0);
        forced.map(|(place, _)| i32::try_from(place + 1).unwrap_or(i32::MAX)).collect()
    }

    /// How much has been changed so far.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// The target went back to a savepoint set when `mark` was taken.
    pub(super) fn go_back(&mut self, mark: usize) {
        for (place, before) in self.log.drain(mark.min(self.log.len())..).rev() {
            if let Some(row) = self.rows.get_mut(place) {
                *row = before;
            }
        }
    }

    /// Counts rows `low ..= high`.
    pub(super) fn extent(&self, low: i32, high: i32) -> Extent {
        let mut extent = Extent::default();
        let place = |n: i32| usize::try_from(n).unwrap_or(0);
        for row in self.rows.iter().take(place(high)).skip(place(low).saturating_sub(1)) {
            match row.op {
                Op::Insert => {
                    extent.living += 1;
                    extent.inserts += 1;
                }
                Op::Update => extent.living += 1,
                Op::Delete => extent.deletes += 1,
                Op::Passing | Op::Vanishing => extent.passing += 1,
                Op::Nothing => {}
            }
            extent.moved += u64::from(row.moved);
        }
        extent
    }

    /// Number of the last row.
    pub(super) fn last(&self) -> i32 {
        i32::try_from(self.rows.len()).unwrap_or(i32::MAX)
    }

    /// The sets of unchanged columns that occur, 0 (none) first.
    pub(super) fn sets_in(&self, low: i32, high: i32) -> Vec<usize> {
        let place = |n: i32| usize::try_from(n).unwrap_or(0);
        let rows = self.rows.iter().take(place(high)).skip(place(low).saturating_sub(1));
        let mut sets: Vec<usize> = rows
            .filter(|row| matches!(row.op, Op::Insert | Op::Update | Op::Passing | Op::Vanishing))
            .map(|row| row.set)
            .collect();
        sets.sort_unstable();
        sets.dedup();
        sets
    }

    /// The rows of which the stream left out one of these columns.
    pub(super) fn rows_without(&self, columns: &[usize], low: i32, high: i32) -> Vec<i32> {
        let lacks = |set: usize| set > 0 && self.sets[set - 1].iter().any(|column| columns.contains(column));
        let is_there = |row: &StagedRow| matches!(row.op, Op::Insert | Op::Update);
        (low..=high)
            .filter(|&n| {
                let row = place(n).and_then(|place| self.rows.get(place));
                row.is_some_and(|row| is_there(row) && lacks(row.set))
            })
            .collect()
    }

    /// Each set as the text of an SQL array of the columns' names.
    pub(super) fn set_names(&self, table: &SourceTable) -> Vec<String> {
        let names =
            |set: &Vec<usize>| array_text(set.iter().map(|&column| table.columns[column].name.as_str()));
        self.sets.iter().map(names).collect()
    }
}

/// The place of row `n`, which counts from 1.
pub(super) fn place(n: i32) -> Option<usize> {
    usize::try_from(n).ok()?.checked_sub(1)
}

/// Writes a table's rows as COPY text.
pub(super) fn encode(table: &WaveTable, source: &SourceTable) -> (Bytes, Staged) {
    let mut out = BytesMut::with_capacity(table.rows.len() * 96);
    let mut staged = Staged::new(table.source);
    staged.rows.reserve(table.rows.len());
    let mut line = Line::new(&table.projection, source);
    for (i, row) in table.rows.iter().enumerate() {
        let state = line.write(&mut out, i + 1, row, &mut staged.sets);
        staged.rows.push(state);
        if let Some(back) = row.way_back().filter(|_| line.illegible.is_none()) {
            out.put_u8(b'-');
            Line::new(&table.projection, source).write(&mut out, i + 1, &back, &mut staged.sets);
            staged.ways_back.insert(staged.last());
        }
        staged.illegible.extend(line.illegible.map(|column| (staged.last(), column)));
    }
    (out.freeze(), staged)
}

/// Writes one state out of a row's history, as a row of its own.
pub(super) fn encode_state(
    projection: &Projection,
    source: &SourceTable,
    n: usize,
    state: &State,
    sets: &mut Vec<Vec<usize>>,
) -> (Bytes, StagedRow) {
    let row = FoldedRow::update(state.old.clone(), state.new.clone());
    let mut out = BytesMut::new();
    let staged = Line::new(projection, source).write(&mut out, n, &row, sets);
    (out.freeze(), staged)
}

/// Adds a row's number and values that were fetched for it as a line of COPY text; the last `packed` of them as an array.
pub(super) fn write_fetched<'v>(
    out: &mut BytesMut,
    n: i32,
    values: impl ExactSizeIterator<Item = Option<&'v str>>,
    packed: usize,
) {
    write_number(out, usize::try_from(n).unwrap_or(0));
    out.put_u8(b'\t');
    write_texts(out, values, packed);
}

/// Adds texts as a line of COPY text; the last `packed` of them as an array.
pub fn write_texts<'v>(
    out: &mut BytesMut,
    values: impl ExactSizeIterator<Item = Option<&'v str>>,
    packed: usize,
) {
    let plain = values.len() - packed;
    let mut cells = values.map(|value| value.map(|value| Cell::Text(value.as_bytes())));
    for (place, cell) in cells.by_ref().take(plain).enumerate() {
        if place > 0 {
            out.put_u8(b'\t');
        }
        write_cell(out, cell);
    }
    if packed > 0 {
        if plain > 0 {
            out.put_u8(b'\t');
        }
        write_array(out, cells);
    }
    out.put_u8(b'\n');
}

/// The scratch space of one line.
struct Line<'a> {
    projection: &'a Projection,
    cells: Vec<Option<Cell<'a>>>,
    columns: usize,
    /// So many of the columns, the last ones, go into an array.
    packed: usize,
    /// The first column of the row at hand whose value is no text.
    illegible: Option<usize>,
}

impl<'a> Line<'a> {
    fn new(projection: &'a Projection, source: &SourceTable) -> Self {
        let columns = source.columns.len();
        let packed = source.stage.packed;
        Self { projection, cells: vec![None; columns], columns, packed, illegible: None }
    }

    fn write<'t>(
        &mut self,
        out: &mut BytesMut,
        n: usize,
        row: &'t FoldedRow,
        sets: &mut Vec<Vec<usize>>,
    ) -> StagedRow
    where
        't: 'a,
    {
        self.cells.clear();
        self.cells.resize(self.columns, None);
        self.illegible = None;
        let mut unchanged: Vec<usize> = Vec::new();
        if let Some(new) = &row.new {
            for (number, (cell, place)) in new.cells().zip(&self.projection.staged).enumerate() {
                let Some(place) = *place else { continue };
                let mut cell = cell;
                if !is_legible(cell) {
                    self.illegible.get_or_insert(place);
                    // By its identity a row is parked, and found again.
                    cell = if self.projection.identity.contains(&number) { cell } else { Cell::Unchanged };
                }
                if cell == Cell::Unchanged {
                    unchanged.push(place);
                }
                self.cells[place] = Some(cell);
            }
            unchanged.extend(&self.projection.lacking);
        }
        unchanged.sort_unstable();
        let set = set_number(unchanged, sets);
        let is_passing = matches!(row.op, Op::Passing | Op::Vanishing);
        let stays = is_passing && row.old.as_ref().is_none_or(|old| !self.has_moved(old));
        if row.op == Op::Nothing || stays {
            return StagedRow::new(Op::Nothing, false, 0);
        }
        write_number(out, n);
        out.put_slice(match row.op {
            Op::Insert | Op::Update | Op::Passing | Op::Vanishing if self.illegible.is_some() => b"\tX\t",
            Op::Insert => b"\tI\t",
            Op::Delete => b"\tD\t",
            Op::Passing => b"\tP\t",
            Op::Vanishing => b"\tV\t",
            Op::Update | Op::Nothing => b"\tU\t",
        });
        write_number(out, set);
        // A row that came back to where it was has not moved.
        let old = row.old.as_ref().filter(|old| row.op == Op::Delete || self.has_moved(old));
        let old = old.filter(|_| self.illegible.is_none());
        for &place in &self.projection.identity {
            out.put_u8(b'\t');
            write_cell(out, old.and_then(|old| old.cells().nth(place)));
        }
        let (plain, packed) = self.cells.split_at(self.columns - self.packed);
        for cell in plain {
            out.put_u8(b'\t');
            write_cell(out, *cell);
        }
        if !packed.is_empty() {
            out.put_u8(b'\t');
            write_array(out, packed.iter().copied());
        }
        out.put_u8(b'\n');
        if self.illegible.is_some() {
            return StagedRow::new(Op::Nothing, false, 0);
        }
        let forced = matches!(row.op, Op::Insert | Op::Update) && !self.projection.lacking.is_empty();
        StagedRow { forced, ..StagedRow::new(row.op, old.is_some() && row.op != Op::Delete, set) }
    }

    fn has_moved(&self, old: &Tuple) -> bool {
        self.projection.identity.iter().any(|&place| {
            let now = self.projection.staged[place].and_then(|staged| self.cells[staged]);
            old.cells().nth(place) != now
        })
    }
}

pub(super) fn set_number(unchanged: Vec<usize>, sets: &mut Vec<Vec<usize>>) -> usize {
    if unchanged.is_empty() {
        return 0;
    }
    let known = sets.iter().position(|set| *set == unchanged);
    known.unwrap_or_else(|| {
        sets.push(unchanged);
        sets.len() - 1
    }) + 1
}

fn write_number(out: &mut BytesMut, number: usize) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// Values as an array of texts, in COPY's text form: each between quotation marks, with a backslash before what an array
/// would misread, and all of that once more for COPY.
fn write_array<'v>(out: &mut BytesMut, cells: impl Iterator<Item = Option<Cell<'v>>>) {
    for (i, cell) in cells.enumerate() {
        out.put_u8(if i == 0 { b'{' } else { b',' });
        let Some(Cell::Text(mut value)) = cell else {
            out.put_slice(b"NULL");
            continue;
        };
        out.put_u8(b'"');
        let special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n' | b'\r' | b'\t');
        while let Some(at) = value.iter().position(special) {
            out.put_slice(&value[..at]);
            out.put_slice(match value[at] {
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                b'"' => b"\\\\\"",
                _backslash => b"\\\\\\\\",
            });
            value = &value[at + 1..];
        }
        out.put_slice(value);
        out.put_u8(b'"');
    }
    out.put_u8(b'}');
}

/// Whether a value is text, as far as it is there.
fn is_legible(cell: Cell<'_>) -> bool {
    !matches!(cell, Cell::Text(value) if str::from_utf8(value).is_err())
}

/// A value in COPY's text form (PostgreSQL manual, COPY, "Text Format").
fn write_cell(out: &mut BytesMut, cell: Option<Cell<'_>>) {
    let Some(Cell::Text(mut value)) = cell else {
        out.put_slice(b"\\N");
        return;
    };
    if str::from_utf8(value).is_err() {
        // Of an identity: one for each, and never written to a customer.
        out.put_slice(b"\\\\x");
        for byte in value {
            out.put_slice(format!("{byte:02x}").as_bytes());
        }
        return;
    }
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t');
    while let Some(at) = value.iter().position(special) {
        out.put_slice(&value[..at]);
        out.put_slice(match value[at] {
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _backslash => b"\\\\",
        });
        value = &value[at + 1..];
    }
    out.put_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(cell: Option<Cell<'_>>) -> String {
        let mut out = BytesMut::new();
        write_cell(&mut out, cell);
        String::from_utf8(out.to_vec()).expect("text")
    }

    #[test]
    fn what_copy_would_misread_is_escaped() {
        assert_eq!(copied(Some(Cell::Text(b"a\tb\\N\r\n"))), "a\\tb\\\\N\\r\\n");
        assert_eq!(copied(Some(Cell::Text(b"\\N"))), "\\\\N");
        assert_eq!(copied(Some(Cell::Text(b""))), "");
        assert_eq!(copied(Some(Cell::Null)), "\\N");
    }

    #[test]
    fn what_is_no_text_is_written_byte_by_byte() {
        assert_eq!(copied(Some(Cell::Text(b"a\xff"))), "\\\\x61ff");
    }

    #[test]
    fn an_array_keeps_what_stands_in_it() {
        let mut out = BytesMut::new();
        let cells = [Some(Cell::Text(b"a,\"b\"\\c\n")), None, Some(Cell::Text(b""))];
        write_array(&mut out, cells.into_iter());
        assert_eq!(&out[..], br#"{"a,\\"b\\"\\\\c\n",NULL,""}"#);
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut out = BytesMut::new();
        for number in [0, 7, 10, 1_234_567_890] {
            write_number(&mut out, number);
            out.put_u8(b' ');
        }
        assert_eq!(&out[..], b"0 7 10 1234567890 ");
    }
}
