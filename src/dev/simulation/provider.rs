//! The two paid providers, played by a script.

use super::script::{Given, Script};
use crate::dev::simulation::scenario;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::{Answer, Invoice, Registry, RegistryStatus, Verified};
use crate::domain::reading::Reading;
use crate::provider::{Provider, Reply, Request, Shown};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use std::sync::Arc;

pub(super) struct Recognition {
    pub(super) script: Arc<Script>,
    /// Where a bill's age is counted.
    pub(super) timezone: TimeZone,
}

pub(super) struct Verification {
    pub(super) script: Arc<Script>,
}

impl Provider for Recognition {
    type Answer = Invoice;

    fn call<'a>(
        &'a self,
        request: &'a Request,
        _: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Invoice>, Failure>> {
        Box::pin(async {
            let given = answered(&self.script, Stage::Recognition, request).await?;
            let scenario = &self.script.scenario;
            let job = &scenario.jobs[given.job];
            let invoice = Invoice {
                note_no: Some(job.note_no.clone()),
                province: job.province.clone(),
                billing_date: job
                    .billing_date(scenario.start, &self.timezone)
                    .map(Reading::Value),
                ..Invoice::default()
            };
            Ok(Reply {
                code: "200",
                request_id: None,
                answer: invoice,
            })
        })
    }
}

impl Provider for Verification {
    type Answer = Verified;

    fn call<'a>(
        &'a self,
        request: &'a Request,
        _: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Verified>, Failure>> {
        Box::pin(async {
            let given = answered(&self.script, Stage::Verification, request).await?;
            let registry = Registry {
                status: Some(status(given.content.registry)),
                ..Registry::default()
            };
            let verified = Verified {
                invoice: Invoice::default(),
                registry,
                qr_code_found: given.content.qr_code_found,
            };
            Ok(Reply {
                code: "OK",
                request_id: None,
                answer: verified,
            })
        })
    }
}

async fn answered(script: &Script, stage: Stage, request: &Request) -> Result<Given, Failure> {
    let mut given = script.call(stage, request);
    // Even no time at all would be a turn of the clock.
    if !given.takes.is_zero() {
        tokio::time::sleep(given.takes).await;
    }
    given.failure.take().map_or(Ok(given), Err)
}

fn status(registry: scenario::Registry) -> RegistryStatus {
    let clean = RegistryStatus {
        printed: Answer::No,
        red_lettered: Answer::No,
        voided: Answer::No,
        posted: Answer::No,
    };
    match registry {
        scenario::Registry::Genuine => clean,
        scenario::Registry::Voided => RegistryStatus {
            voided: Answer::Yes,
            ..clean
        },
        scenario::Registry::RedLettered => RegistryStatus {
            red_lettered: Answer::Yes,
            ..clean
        },
        scenario::Registry::Unknown => RegistryStatus {
            voided: Answer::Unknown,
            ..clean
        },
    }
}
