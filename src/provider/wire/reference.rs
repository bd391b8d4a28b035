//! The rows of the reference of fields for one object of an answer.

use super::field::Field;

/// One row: the field of the provider, the field of the result, its type.
pub(crate) struct ReferenceRow {
    pub(crate) sent: &'static str,
    pub(crate) ours: String,
    pub(crate) kind: &'static str,
}

impl ReferenceRow {
    pub(crate) fn new(sent: &'static str, ours: &str, kind: &'static str) -> Self {
        Self {
            sent,
            ours: ours.to_owned(),
            kind,
        }
    }
}

/// The fields of one object of an answer.
pub(crate) struct ReferenceTable {
    pub(crate) heading: &'static str,
    pub(crate) rows: Vec<ReferenceRow>,
}

impl ReferenceTable {
    /// Creates the rows of a table of the mapping, whose values go below `prefix`.
    pub(crate) fn of<T>(heading: &'static str, prefix: &str, fields: &[Field<T>]) -> Self {
        let rows = fields.iter().map(|field| {
            let ours = format!("{prefix}{}", field.ours);
            ReferenceRow::new(field.sent, &ours, field.type_name())
        });
        Self {
            heading,
            rows: rows.collect(),
        }
    }

    pub(crate) fn and(mut self, rows: impl IntoIterator<Item = ReferenceRow>) -> Self {
        self.rows.extend(rows);
        self
    }

    pub(crate) fn written(heading: &'static str, rows: Vec<ReferenceRow>) -> Self {
        Self { heading, rows }
    }
}
