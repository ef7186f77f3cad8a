//! The statements of one route. Text only: the writer runs them as they are.
//!
//! Each works on the rows `$1 ..= $2` of the stage, so that a statement that fails can be halved down to the row at
//! fault. `s` is the stage, `x` the crosswalk, `t` the customer's table, `p1 …` its parents, `r` the released links.
//! A statement that writes rows of the customer answers two numbers, expected and written: they differ where the row was
//! changed under our feet, or where row-level security or a trigger swallowed the write in silence.

use std::sync::Arc;

use crate::config::Mode;
use crate::name::TableName;

use super::change::{depart, follow_key, gone, left, put_back, rename, step_aside, update};
use super::checksum::{self, Checksum};
use super::circle::{Circle, circle};
use super::compare::{self, Comparison};
use super::fragments::PICK;
use super::insert::{insert, matched};
use super::links;
use super::parked;
use super::policy::Policy;
use super::probe::{self, Questions, Survey};
use super::shape::{Departure, Shape};

/// Every statement of one route.
#[derive(Debug)]
pub struct RouteSql {
    /// Creates the rows that the customer lacks, with their links. Answers (expected, written).
    pub insert: String,
    /// For rows that refer to each other in a circle, or to themselves.
    pub circle: Option<Circle>,
    /// Overrides rows where they differ; for rows whose columns are all there. `$3` set of unchanged columns, `$4` LSN,
    /// `$5` route. Answers (expected, written).
    pub update: String,
    /// Counts the rows that the customer has and that need nothing further.
    pub matched: String,
    /// Counts the rows inside `where`; `None` where the rule has none.
    pub given: Option<String>,
    /// Staged columns that `where` reads: a row of which the stream left one out has to be fetched first.
    pub filter_columns: Vec<usize>,
    /// Drops links to rows that the customer has deleted.
    pub unlink_stale: Option<String>,
    /// Links rows that the customer has already, found by natural key.
    pub link_found: Option<String>,
    /// Creates the session's table of released links.
    pub create_released: Option<String>,
    /// Takes the links of source rows that are gone or have another identity now.
    pub release: Option<String>,
    /// Gives them back under the new identity.
    pub relink: Option<String>,
    /// The same for a customer that is held: not onto an identity whose delete is parked. `$3` from, `$4` to, `$5` data set.
    pub relink_held: Option<String>,
    /// Gives them back as they were, where the delete could not be done.
    pub restore_links: Option<String>,
    /// Forgets what was released.
    pub clear_released: Option<String>,
    /// Keeps what children refer to in step.
    pub refresh_references: Option<String>,
    /// With a crosswalk: moves the keys of rows on their way. Parameters and answer as `update`.
    pub follow: Option<String>,
    /// Without a crosswalk: moves a row to its new key. Parameters and answer as `update`.
    pub rename: Option<String>,
    /// Rows that exchange their keys: has one make way for the others. `$3` LSN, `$4` route. Answers (expected, written).
    pub step_aside: Option<String>,
    /// Gives rows that found no place the key back that they had before the transaction. As `step_aside`.
    pub put_back: Option<String>,
    /// `on_delete`: deletes or sets what is gone and not claimed again. `$3` LSN, `$4` route. Answers (expected, written).
    pub gone: Option<String>,
    /// It takes rows away, and does not only mark them.
    pub gone_deletes: bool,
    /// `on_leave`: the same for rows outside `where`.
    pub left: Option<String>,
    /// As `gone_deletes`.
    pub left_deletes: bool,
    /// Takes the links of rows outside `where` that are to be deleted.
    pub release_left: Option<String>,
    /// Drops the links of rows outside `where`, where nothing is ever written.
    pub unlink_left: Option<String>,
    /// `on_truncate`: deletes what the truncated table had brought.
    pub truncated: Option<String>,
    /// After a truncate at the source: no source row is left to link with, but for deletes that are parked and need their
    /// link. `$1` from, `$2` to, `$3` data set.
    pub unlink_all: Option<String>,
    /// Finds rows that would have to be created, but of which the stream did not bring every value.
    pub incomplete: String,
    /// Finds rows of which a parked state may have brought what this one leaves out.
    /// `$3` from, `$4` to, `$5` data set.
    pub incomplete_beside_parked: String,
    /// Parks what found no place, each with its reason. Parameters: see `parked`. Answers how many.
    pub park_leftovers: String,
    /// Parks rows that the server refused.
    pub park_rejected: String,
    /// Drops what was parked and has been overtaken. `$3` from, `$4` to, `$5` data set, `$6` generation.
    pub supersede: String,
    recipe: Arc<Recipe>,
}

/// What the statements of a route are made from. With many customers the texts themselves would fill the memory, so they
/// are written when they are needed, and kept by whoever needs them.
#[derive(Debug)]
pub struct Recipe {
    shape: Shape,
    policy: Policy,
    number: usize,
}

impl Recipe {
    /// Keeps what the rules and the catalogs say about the route of that number.
    pub(super) fn new(shape: Shape, policy: Policy, number: usize) -> Self {
        Self { shape, policy, number }
    }

    /// Holds once what it has in common with the recipe of another customer.
    pub(super) fn share(&mut self, other: &Self) {
        self.shape.share(&other.shape);
    }

    /// Something becomes of the customer's row when the source row is gone.
    pub fn follows_delete(&self) -> bool {
        !matches!(self.policy.on_delete, Departure::Ignore) && self.policy.mode != Mode::LinkOnly
    }

    /// What the source truncates is deleted in the customer.
    pub fn follows_truncation(&self) -> bool {
        self.policy.deletes_truncated && self.policy.mode != Mode::LinkOnly
    }

    /// Writes the statements. Takes a fraction of a millisecond.
    pub fn write(self: &Arc<Self>) -> RouteSql {
        RouteSql::new(Arc::clone(self))
    }
}

impl RouteSql {
    fn new(recipe: Arc<Recipe>) -> Self {
        let Recipe { shape, policy, number } = &*recipe;
        let Policy { mode, on_delete, on_leave, deletes_truncated: _, filter_columns } = policy;
        let mode = *mode;
        let links_only = mode == Mode::LinkOnly;
        // Create-only takes away only what it brought.
        let only_created = mode == Mode::CreateOnly;
        let crosswalk = shape.crosswalk.is_some();
        let with_crosswalk = |text: String| crosswalk.then_some(text);
        let goes = gone(shape, only_created);
        let departs = |departure: &Departure, find: &str| {
            if links_only { None } else { depart(shape, departure, find) }
        };
        Self {
            insert: insert(shape),
            circle: if links_only { None } else { circle(shape, *number) },
            update: update(shape, &[]),
            matched: matched(shape, mode),
            given: shape.filter.is_some().then(|| {
                format!("SELECT count(*) FROM {} s WHERE {PICK} AND {}", shape.stage, shape.given())
            }),
            filter_columns: filter_columns.clone(),
            unlink_stale: with_crosswalk(links::unlink_stale(shape)),
            link_found: with_crosswalk(links::link_found(shape)),
            create_released: with_crosswalk(links::create_released(shape)),
            release: with_crosswalk(links::release(shape)),
            relink: with_crosswalk(links::relink(shape)),
            relink_held: with_crosswalk(links::relink_held(shape)),
            restore_links: with_crosswalk(links::restore_links(shape)),
            clear_released: with_crosswalk(format!("DELETE FROM {}", shape.released)),
            refresh_references: (crosswalk && !shape.references.is_empty())
                .then(|| links::refresh_references(shape)),
            follow: (crosswalk && mode == Mode::Override)
                .then(|| follow_key(shape, (on_delete, on_leave), &[])),
            rename: (!crosswalk && mode == Mode::Override).then(|| rename(shape, on_delete)),
            step_aside: (mode == Mode::Override).then(|| step_aside(shape)).flatten(),
            put_back: (mode == Mode::Override).then(|| put_back(shape)).flatten(),
            gone: departs(on_delete, &goes),
            gone_deletes: matches!(on_delete, Departure::Delete),
            left_deletes: matches!(on_leave, Departure::Delete),
            left: left(shape, matches!(on_leave, Departure::Delete), only_created)
                .and_then(|find| departs(on_leave, &find)),
            release_left: (crosswalk && !links_only && matches!(on_leave, Departure::Delete))
                .then(|| links::release_left(shape, only_created))
                .flatten(),
            unlink_left: links_only.then(|| links::unlink_left(shape)).flatten(),
            truncated: recipe.follows_truncation().then(|| departs(&Departure::Delete, &goes)).flatten(),
            unlink_all: links::unlink_all(shape),
            incomplete: parked::incomplete(shape),
            incomplete_beside_parked: parked::incomplete_beside_parked(shape),
            park_leftovers: parked::park_leftovers(shape, mode),
            park_rejected: parked::park_rejected(shape),
            supersede: parked::supersede(shape),
            recipe,
        }
    }

    /// What can be asked about a single staged row.
    pub fn questions(&self) -> Questions {
        probe::questions(&self.recipe.shape)
    }

    /// What has become of the rows on the stage, by examples; see `probe::outcomes`: (word, natural key).
    /// `$1` generation, `$2` from, `$3` to, `$4` data set, `$5` how many of each.
    pub fn outcomes(&self) -> String {
        probe::outcomes(&self.recipe.shape)
    }

    /// What can be asked about all rows of the source table.
    pub fn survey(&self) -> Survey {
        probe::survey(&self.recipe.shape)
    }

    /// The checksums of the two sides, where they can be made apart; `table` is the source's.
    pub fn checksum(&self, table: &TableName) -> Option<Checksum> {
        let columns_count = self.recipe.policy.mode == Mode::Override;
        if self.recipe.policy.mode == Mode::LinkOnly {
            // A pair is right where the natural keys agree, and only the customer's server can tell.
            return None;
        }
        checksum::checksum(&self.recipe.shape, &table.quoted(), columns_count)
    }

    /// Compares the customer with rows on the stage.
    pub fn comparison(&self) -> Comparison {
        compare::comparison(&self.recipe.shape, &self.recipe.policy)
    }

    /// The statements that this route's mode uses.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let always = [
            &self.matched,
            &self.incomplete_beside_parked,
            &self.park_leftovers,
            &self.park_rejected,
            &self.supersede,
        ];
        let links = [
            &self.unlink_stale,
            &self.link_found,
            &self.release,
            &self.relink,
            &self.relink_held,
            &self.restore_links,
        ];
        let more = [
            &self.step_aside,
            &self.put_back,
            &self.clear_released,
            &self.refresh_references,
            &self.follow,
            &self.rename,
            &self.unlink_all,
        ];
        let rule =
            [&self.given, &self.gone, &self.left, &self.release_left, &self.unlink_left, &self.truncated];
        let circle = self.circle.iter().flat_map(|circle| [&circle.draw, &circle.take_back]);
        let creates = [&self.insert, &self.incomplete]
            .into_iter()
            .filter(|_| self.recipe.policy.mode != Mode::LinkOnly);
        let update = (self.recipe.policy.mode == Mode::Override).then_some(&self.update);
        let optional = links.into_iter().chain(more).chain(rule).flatten().chain(update).chain(circle);
        always.into_iter().chain(creates).chain(optional).map(String::as_str)
    }

    /// `update` for rows of which the stream did not bring these staged columns: what is made from them is left as it is.
    pub fn update_without(&self, unchanged: &[usize]) -> String {
        update(&self.recipe.shape, unchanged)
    }

    /// `follow` for rows of which the stream did not bring these staged columns.
    pub fn follow_without(&self, unchanged: &[usize]) -> Option<String> {
        let Policy { on_delete, on_leave, .. } = &self.recipe.policy;
        self.follow.as_ref().map(|_| follow_key(&self.recipe.shape, (on_delete, on_leave), unchanged))
    }
}
