//! What customers do themselves: rows of their own appear and go.
//!
//! Before and after each everything has arrived: which state of a source row meets the customer's row is not left to the
//! moment.

use super::super::support::Database;
use super::moves::{Dice, OWN_KEYS};
use super::reference::Customer;
use super::rows::Table;
use super::rules::Mode;
use super::tables::give_own_row;

/// One customer does something. Answers what.
pub(super) fn act(database: &Database, dice: &mut Dice, customers: &mut [Customer]) -> String {
    let Some(place) = dice.pick(&(0..customers.len()).collect::<Vec<_>>()) else { return String::new() };
    let customer = &mut customers[place];
    let tables = [Table::Code, Table::Payer, Table::Tag, Table::Line, Table::Visit, Table::Item];
    let tables: Vec<Table> = tables.into_iter().filter(|table| customer.rule(*table).is_some()).collect();
    let Some(table) = dice.pick(&tables) else { return String::new() };
    let only_links = customer.rule(table).is_some_and(|rule| rule.mode == Mode::LinkOnly);
    if only_links && dice.roll(4) > 0 {
        let table = dice.pick(&[Table::Schedule, Table::Code, Table::Payer, Table::Tag]).unwrap_or(table);
        return appear(database, dice, customer, table);
    }
    let slots: Vec<usize> =
        customer.rows.keys().filter(|(of, _)| *of == table).map(|(_, slot)| *slot).collect();
    let Some(slot) = dice.pick(&slots) else { return String::new() };
    let Some(held) = customer.rows.remove(&(table, slot)) else { return String::new() };
    let place = match (held.key.split_once('/'), held.parent.filter(|_| table == Table::Line)) {
        (Some((payer, plan)), _) if table == Table::Payer => format!("payer = '{payer}' AND plan = '{plan}'"),
        (_, Some(parent)) => {
            let schedule = &customer.rows[&(Table::Schedule, parent)].key;
            let (name, key) = (customer.name(), &held.key);
            format!("key = '{key}' AND schedule = (SELECT id FROM {name}.schedule WHERE key = '{schedule}')")
        }
        _ => format!("key = '{}'", held.key),
    };
    let sql = format!("DELETE FROM {}.{} WHERE {place}", customer.name(), table.name());
    database.execute(&sql);
    sql
}

/// A row of the customer's own that the source may have, or may get.
fn appear(database: &Database, dice: &mut Dice, customer: &mut Customer, table: Table) -> String {
    let own = dice.roll(OWN_KEYS);
    let key = super::moves::own_key(table, own);
    if !customer.find(table, None, &key).is_empty() {
        return String::new();
    }
    give_own_row(database, customer, table, own);
    format!("-- {} makes {} {key} by itself", customer.name(), table.name())
}
