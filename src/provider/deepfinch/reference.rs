//! The fields of verification's answer, as `config/fields.md` lists them.

use super::invoice::{CATEGORY_FIELDS, CHECKSUM_FIELDS, DETAIL_FIELDS, FIELDS};
use super::{registry, status};
use crate::domain::registry_words::RegistryState;
use crate::provider::wire::reference::{ReferenceRow, ReferenceTable};

pub(in crate::provider) fn reference() -> Vec<ReferenceTable> {
    let row = ReferenceRow::new;
    let states = status::STATES.map(|(key, state)| {
        let ours = match state {
            RegistryState::Printed => "registry.status.printed",
            RegistryState::RedLettered => "registry.status.red_lettered",
            RegistryState::Voided => "registry.status.voided",
            RegistryState::Posted => "registry.status.posted",
        };
        row(
            key,
            ours,
            "`yes`, `no`, `unknown`, by `config/registry-words.toml`",
        )
    });
    let answer = vec![
        row("request_id", "request_id", "text"),
        row("status", "", "the code that the policy decides by"),
        row(
            "error_code",
            "",
            "the code where `status` is `VERIFY_FAILED`",
        ),
        row("reason", "", "the message of a failure"),
        row("qrcode_scan_result", "qr_code_found", "boolean"),
        row("data", "", "an object"),
        row("invoice_standard_result", "invoice", "an object"),
        row("invoice_additional_result", "registry", "an object"),
    ];
    let reimbursements = registry::REIMBURSEMENT_FIELDS;
    vec![
        ReferenceTable::written("The answer", answer),
        ReferenceTable::of("`invoice_standard_result`", "invoice.", FIELDS).and([
            row(
                "hospital_no",
                "invoice.clinic_no",
                "text, where `type` is 1",
            ),
            row("cost_categories", "invoice.cost_categories[]", "a list"),
            row("cost_detail_list", "invoice.cost_details[]", "a list"),
            row("payments_info", "invoice.payments[]", "a list"),
            row("checksum", "invoice.checksum", "an object"),
        ]),
        ReferenceTable::of(
            "An entry of `cost_categories`",
            "invoice.cost_categories[].",
            CATEGORY_FIELDS,
        ),
        ReferenceTable::of(
            "An entry of `cost_detail_list`",
            "invoice.cost_details[].",
            DETAIL_FIELDS,
        ),
        ReferenceTable::written(
            "An entry of `payments_info`",
            vec![
                row("name", "invoice.payments[].name", "text"),
                row(
                    "cost",
                    "invoice.payments[].amount",
                    "money, or the text that it is",
                ),
                row(
                    "value",
                    "invoice.payments[].amount",
                    "the same where there is no `cost`",
                ),
            ],
        ),
        ReferenceTable::of("`checksum`", "invoice.checksum.", CHECKSUM_FIELDS),
        ReferenceTable::of("`invoice_additional_result`", "registry.", registry::FIELDS).and([
            row("img_status", "registry.status", "an object, or a list"),
            row("reim_agency_list", "registry.reimbursements[]", "a list"),
        ]),
        ReferenceTable::written("`img_status`, in either result", states.into()),
        ReferenceTable::of(
            "An entry of `reim_agency_list`",
            "registry.reimbursements[].",
            reimbursements,
        ),
    ]
}
