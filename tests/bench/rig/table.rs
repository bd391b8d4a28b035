//! Tables as tests/bench/README.md shows them.

use comfy_table::{Table, presets};

pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table
}
