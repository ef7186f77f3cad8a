//! Random changes, random rules, random trouble: whatever happens, every customer equals the reference model.
//!
//! `ACEQUIA_SEED=7` repeats one run (and prints its statements when it fails), `ACEQUIA_SEEDS=100` tries that many. The
//! changes are the same for the same seed; the kills come where they come, and must not matter.

mod life;
mod moves;
mod own;
mod ranked;
mod reference;
mod rows;
mod rules;
mod tables;
mod trouble;

use std::collections::BTreeSet;

use self::life::Life;
use self::moves::{Dice, Source};
use self::ranked::Ranked;
use self::reference::Customer;
use self::rows::{Change, Id, Table, Transaction};
use self::rules::{DATASETS, World, group};
use self::trouble::Trouble;
use super::support::{Cluster, Config, Database};

/// Runs of one test, unless `ACEQUIA_SEEDS` says otherwise.
const SEEDS: u64 = 8;
/// Source transactions of one run.
const TRANSACTIONS: u64 = 80;

/// What `deletes` has received goes on to one more customer. Persons do not: one that waits for another there may have
/// been found by its key already.
const CHAIN: &str = r#"
[[sync]]
name = "chain"
from = "deletes"
to = ["chain"]
data = ["schedule", "line", "code", "payer", "doc", "tag", "visit", "item"]
mode = "override"
on_delete = "delete"
cascade = true
"#;

#[test]
fn every_customer_equals_the_model_whatever_happens_to_it_and_to_the_daemon() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("ACEQUIA_FIRST_SEED").unwrap_or(1);
    let seeds = match (number("ACEQUIA_SEED"), number("ACEQUIA_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => first..first + count.unwrap_or(SEEDS),
    };
    for seed in seeds {
        run(seed);
    }
}

/// A source with its customers, and what they must hold.
struct Side {
    source: Source,
    customers: Vec<Customer>,
}

fn run(seed: u64) {
    println!("ACEQUIA_SEED={seed}");
    let database = Cluster::shared().database();
    let mut dice = Dice(seed ^ 0x0DD);
    // One world alone is quick; every fifth run has all of them in one flow.
    let worlds: Vec<World> = if seed.is_multiple_of(5) {
        World::ALL.to_vec()
    } else {
        dice.pick(&World::ALL).into_iter().collect()
    };
    let config = configure(&database, &worlds);
    let mut trace = Vec::new();
    let mut sides: Vec<Side> =
        worlds.iter().map(|world| begin(&database, *world, seed, &mut trace)).collect();
    let mut ranked = (*worlds == World::ALL).then(|| Ranked::new(&database));
    let mut life = Life::new(&config, &database, seed);
    life.start(false);
    stop_the_timer(&database);
    let mut trouble = Trouble::new(&database, seed);
    for _ in 0..TRANSACTIONS {
        let side = usize::try_from(dice.roll(sides.len() as u64)).unwrap_or(0);
        sides[side].change(&database, &mut trace);
        // Every third run lets each transaction arrive on its own: there, nothing is ever folded.
        if seed.is_multiple_of(3) {
            life.arrive();
        } else {
            life.go_on();
        }
        sides[side].trouble(&database, &mut life, &mut trouble, &mut dice, &mut trace);
        if let Some(ranked) = ranked.as_mut().filter(|_| dice.roll(3) == 0) {
            trace.push(ranked.go_on(&database, &mut dice, &mut life));
        }
    }
    life.wake();
    trouble.finish();
    life.settle();
    let difference = compare(&database, &mut sides, ranked.as_ref());
    if !difference.is_empty() && std::env::var_os("ACEQUIA_SEED").is_some() {
        println!("{}", trace.join("\n"));
    }
    let kills = life.kills;
    assert!(
        difference.is_empty(),
        "ACEQUIA_SEED={seed} ({kills} kills, {worlds:?}): the customers differ from the model\n{difference}"
    );
}

impl Side {
    /// One transaction of the source, and what it means to its customers.
    fn change(&mut self, database: &Database, trace: &mut Vec<String>) {
        let Self { source, customers } = self;
        let transaction = source.transaction();
        database.execute(&transaction.sql);
        if source.world != World::Held {
            for customer in customers {
                customer.apply(&transaction);
                source.frozen.extend(customer.frozen());
            }
        }
        trace.push(transaction.sql);
    }

    /// Now and then: something befalls those who are held, and the others do something themselves.
    fn trouble<'a>(
        &mut self,
        database: &'a Database,
        life: &mut Life<'_>,
        trouble: &mut Trouble<'a>,
        dice: &mut Dice,
        trace: &mut Vec<String>,
    ) {
        let Self { source, customers } = self;
        if source.world == World::Held {
            if trouble.is_due() {
                life.wake();
                if let Some(transaction) = trouble.go_on(source) {
                    database.execute(&transaction.sql);
                }
                trace.append(&mut trouble.log);
            }
        } else if dice.roll(30) == 0 {
            life.arrive();
            trace.push(own::act(database, dice, customers));
        }
    }
}

/// The tables of everybody, and the rules over them.
fn configure<'a>(database: &'a Database, worlds: &[World]) -> Config<'a> {
    let mut rules = DATASETS.to_owned();
    let mut names = Vec::new();
    for world in worlds {
        tables::create(database, world.source(), true);
        names.push(world.source());
        for receiver in world.receivers() {
            tables::create(database, receiver.name, false);
            rules += &group(&receiver);
            names.push(receiver.name);
        }
    }
    if worlds.contains(&World::Plain) {
        tables::create(database, "chain", false);
        rules += CHAIN;
        names.push("chain");
    }
    if *worlds == World::ALL {
        tables::create(database, "ranked", false);
        rules += ranked::RULES;
        names.push("ranked");
    }
    let customers: Vec<(&str, &Database, &str)> = names.iter().map(|name| (*name, database, *name)).collect();
    let config = Config::new(&customers, &rules);
    config.set_up();
    config
}

/// What is there before the daemon.
fn begin(database: &Database, world: World, seed: u64, trace: &mut Vec<String>) -> Side {
    let (source, first) = Source::new(world, seed);
    database.execute(&first.sql);
    trace.push(first.sql);
    let mut customers: Vec<Customer> = world.receivers().into_iter().map(Customer::new).collect();
    if world != World::Held {
        for (number, customer) in (0..).zip(&mut customers) {
            tables::give_own_rows(database, customer, number);
        }
    }
    Side { source, customers }
}

/// When parked rows are tried again by the clock is not for the model to know: here they wait until the end.
fn stop_the_timer(database: &Database) {
    database.execute(
        "CREATE FUNCTION public.stop_timer() RETURNS trigger LANGUAGE plpgsql AS
           $$BEGIN NEW.next_try_at := 'infinity'; RETURN NEW; END$$;
         CREATE TRIGGER stop_timer BEFORE INSERT OR UPDATE ON acequia.parked
           FOR EACH ROW EXECUTE FUNCTION public.stop_timer();
         UPDATE acequia.parked SET tries = tries",
    );
}

/// Every line that is on one side only: `-` the model's, `+` the customers'.
fn compare(database: &Database, sides: &mut [Side], ranked: Option<&Ranked>) -> String {
    let mut expected = BTreeSet::new();
    let mut found = BTreeSet::new();
    let mut read = |sql: &str| {
        let rows = database.query(sql);
        found.extend(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()));
    };
    for Side { source, customers } in sides {
        for customer in customers {
            if source.world == World::Held {
                customer.apply(&everything(source));
            }
            customer.settle();
            expected.extend(expect(customer, source));
            for sql in tables::dumps(customer) {
                read(&sql);
            }
            if customer.name() == "deletes" {
                expected.extend(passed_on(customer));
                let given = Table::ALL.into_iter().filter(|table| *table != Table::Person);
                given.for_each(|table| read(&tables::rows_sql("chain", table, "'-'", false)));
                read(
                    "SELECT concat_ws(' ', 'chain parked', dataset, key, reason) FROM acequia.parked WHERE to_customer = 'chain'",
                );
            }
        }
    }
    read(
        "SELECT DISTINCT 'journal of no route' FROM acequia.journal WHERE route NOT IN (SELECT id FROM acequia.route)",
    );
    if let Some(ranked) = ranked {
        expected.extend(ranked.expect());
        read(Ranked::DUMP);
    }
    let missing = expected.difference(&found).map(|line| format!("- {line}\n"));
    missing.chain(found.difference(&expected).map(|line| format!("+ {line}\n"))).collect()
}

/// The source as it is in the end: all that matters for a customer that may be held.
fn everything(source: &Source) -> Transaction {
    let change = |(id, row): (&Id, &rows::Row)| Change { id: *id, old: None, new: Some(row.clone()) };
    Transaction { changes: source.rows().iter().map(change).collect(), ..Transaction::default() }
}

/// What the model says of one customer.
fn expect(customer: &Customer, source: &Source) -> Vec<String> {
    let name = customer.name();
    let key = |id: &Id| match id.0 {
        Table::Payer | Table::Code => source.key(*id).unwrap_or("gone").to_owned(),
        Table::Schedule
        | Table::Person
        | Table::Line
        | Table::Doc
        | Table::Tag
        | Table::Visit
        | Table::Item => id.1.to_string(),
    };
    let rows = customer.rows.keys().map(|&(table, slot)| {
        let local = tables::compares_local(customer, table);
        let derives = customer.rule(table).is_some_and(|rule| rule.derives);
        row_line(name, customer, (table, slot), local, derives)
    });
    let links = customer.links.iter().map(|(id, link)| {
        let held = customer.rows.get(&(id.0, link.slot));
        let theirs = held.map_or("nothing", |held| &held.key);
        format!("{name} link {} {} <{theirs}>", id.0.name(), key(id))
    });
    let parked = customer
        .parked
        .iter()
        .map(|(id, parked)| format!("{name} parked {} {} {}", id.0.name(), key(id), parked.reason()));
    rows.chain(links).chain(parked).collect()
}

/// What `chain` gets: every row of the customer that was written.
fn passed_on(customer: &Customer) -> Vec<String> {
    let touched = customer.rows.iter().filter(|(key, held)| key.0 != Table::Person && held.touched);
    touched.map(|(key, _)| row_line("chain", customer, *key, false, false)).collect()
}

fn row_line(name: &str, customer: &Customer, at: (Table, usize), local: bool, derives: bool) -> String {
    let held = &customer.rows[&at];
    let parent = held.parent.zip(at.0.parent()).and_then(|(slot, table)| customer.rows.get(&(table, slot)));
    let parent = parent.map_or("-", |parent| &parent.key);
    let note = held.note.map_or_else(|| "-".to_owned(), |note| note.to_string());
    let body = if at.0 == Table::Doc { held.body.to_string() } else { "-".to_owned() };
    let local = if local { held.local } else { "-" };
    let computed = if derives { &held.derived } else { "-" };
    format!(
        "{name} row {} {parent} <{}> {} {note} {body} {local} {computed}",
        at.0.name(),
        held.key,
        held.value
    )
}
