//! The fields of recognition's answer, as `config/fields.md` lists them.

use super::invoice::{CATEGORY_COLUMNS, DETAIL_COLUMNS, FIELDS};
use crate::provider::wire::reference::{ReferenceRow, ReferenceTable};

pub(in crate::provider) fn reference() -> Vec<ReferenceTable> {
    let row = ReferenceRow::new;
    vec![
        ReferenceTable::written(
            "The answer",
            vec![
                row("code", "", "the code that the policy decides by"),
                row("msg", "", "the message of a failure"),
                row("taskNo", "request_id", "text"),
                row("data", "", "an object, or a list of them"),
            ],
        ),
        ReferenceTable::of("`data`", "", FIELDS).and([
            row("CostCategories", "cost_categories[]", "a list of rows"),
            row("CostDetail", "cost_details[]", "a list of rows"),
            row("RegionSupplement", "payments[]", "a list of cells"),
        ]),
        ReferenceTable::of(
            "`CostCategories`, by column",
            "cost_categories[].",
            CATEGORY_COLUMNS,
        ),
        ReferenceTable::of("`CostDetail`, by column", "cost_details[].", DETAIL_COLUMNS),
        ReferenceTable::written(
            "A cell",
            vec![
                row("name", "payments[].name", "text; in a table, the column"),
                row("word", "payments[].amount", "money, or the text that it is"),
                row(
                    "value",
                    "payments[].amount",
                    "the same where there is no `word`",
                ),
            ],
        ),
    ]
}
