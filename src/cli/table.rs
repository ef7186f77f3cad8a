//! Tables for people.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// A table with these headings; columns whose number stands in `right` are aligned to the right.
pub(super) fn table(headings: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        let cells = row.into_iter().enumerate().map(|(column, text)| {
            let side = if right.contains(&column) { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(side)
        });
        table.add_row(cells);
    }
    table
}

/// A number of bytes for people.
pub(super) fn bytes(count: i64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut whole, mut unit) = (count.max(0), 0);
    while whole >= 10_240 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{whole} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        assert_eq!(
            [0, 999, 10_239, 10_240, 53 << 20].map(bytes),
            ["0 B", "999 B", "10239 B", "10 kB", "53 MB"]
        );
    }
}
