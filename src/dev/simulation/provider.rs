//! The two paid providers, played by a script.

use super::script::{Given, SimulationScript};
use crate::dev::scenario::RegistryAnswer;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::{Invoice, Registry, RegistryStatus, StatusAnswer, Verified};
use crate::domain::reading::Reading;
use crate::provider::{Provider, Reply, Request, Shown};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use std::sync::Arc;

pub(super) struct ScriptedRecognition {
    pub(super) script: Arc<SimulationScript>,
    /// The timezone in which a bill's age is counted.
    pub(super) timezone: TimeZone,
}

pub(super) struct ScriptedVerification {
    pub(super) script: Arc<SimulationScript>,
}

impl Provider for ScriptedRecognition {
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
                request_id: given.request_id,
                answer: invoice,
            })
        })
    }
}

impl Provider for ScriptedVerification {
    type Answer = Verified;

    fn call<'a>(
        &'a self,
        request: &'a Request,
        _: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Verified>, Failure>> {
        Box::pin(async {
            let given = answered(&self.script, Stage::Verification, request).await?;
            let registry = Registry {
                status: Some(status(given.registry)),
                ..Registry::default()
            };
            let verified = Verified {
                invoice: Invoice::default(),
                registry,
                qr_code_found: given.qr_code_found,
            };
            Ok(Reply {
                code: "OK",
                request_id: given.request_id,
                answer: verified,
            })
        })
    }
}

async fn answered(
    script: &SimulationScript,
    stage: Stage,
    request: &Request,
) -> Result<Given, Failure> {
    let mut given = script.call(stage, request);
    // Even no time at all would be a turn of the clock.
    if !given.takes.is_zero() {
        tokio::time::sleep(given.takes).await;
    }
    given.failure.take().map_or(Ok(given), Err)
}

fn status(registry: RegistryAnswer) -> RegistryStatus {
    let clean = RegistryStatus {
        printed: StatusAnswer::No,
        red_lettered: StatusAnswer::No,
        voided: StatusAnswer::No,
        posted: StatusAnswer::No,
    };
    match registry {
        RegistryAnswer::Genuine => clean,
        RegistryAnswer::Voided => RegistryStatus {
            voided: StatusAnswer::Yes,
            ..clean
        },
        RegistryAnswer::RedLettered => RegistryStatus {
            red_lettered: StatusAnswer::Yes,
            ..clean
        },
        RegistryAnswer::Unknown => RegistryStatus {
            voided: StatusAnswer::Unknown,
            ..clean
        },
    }
}
