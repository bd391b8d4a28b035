//! Breaks what the plan says, and puts it together again.

use super::broker_faults::{Cut, Planned, What};
use super::collector::Collector;
use super::environment::Environment;
use super::fleet::Fleet;
use super::harness::proxy::{Flow, Proxy};
use super::rabbit::Rabbit;
use invoice_worker::domain::failure::Stage;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::sleep;

pub(crate) struct Injector<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) collector: &'a Collector,
    pub(crate) rabbit: &'a mut Rabbit,
    pub(crate) fleet: &'a mut Fleet,
    /// Held while the broker is down.
    pub(crate) calm: &'a RwLock<()>,
}

/// What was broken.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    pub(crate) kills: Vec<Kill>,
    pub(crate) restarts: usize,
    pub(crate) cuts: usize,
}

#[derive(Debug)]
pub(crate) struct Kill {
    /// By the sandbox's clock.
    pub(crate) at: Duration,
    /// Calls of all workers at that moment.
    pub(crate) in_the_air: u32,
}

impl Injector<'_> {
    pub(crate) async fn inject(&mut self, plan: Vec<Planned>, damage: &mut Damage) {
        let mut answered = self.collector.answered();
        for Planned {
            answered: enough,
            later,
            what,
        } in plan
        {
            // This is never an error: the collector lives as long as the injector.
            let _ = answered.wait_for(|answered| *answered >= enough).await;
            sleep(later).await;
            self.take_place(what, damage).await;
        }
    }

    async fn take_place(&mut self, what: What, damage: &mut Damage) {
        match what {
            What::Kill { worker, away } => {
                let calls = self.environment.sandbox.calls();
                let in_the_air = [Stage::Recognition, Stage::Verification]
                    .map(|stage| calls.count(stage).in_flight)
                    .iter()
                    .sum();
                self.fleet.workers[worker].kill().await;
                damage.kills.push(Kill {
                    at: self.environment.now(),
                    in_the_air,
                });
                sleep(away).await;
                self.fleet.workers[worker].start();
            }
            What::Cut { worker, how } => {
                self.fleet.workers[worker]
                    .wires
                    .iter()
                    .for_each(|wire| cut(wire, how));
                damage.cuts += 1;
            }
            What::Restart(downfall) => {
                let _calm = self.calm.write().await;
                self.rabbit
                    .restart(downfall, &self.environment.config.broker.jobs_queue)
                    .await;
                damage.restarts += 1;
            }
            What::Relief => self.collector.relieve(),
        }
    }
}

fn cut(wire: &Arc<Proxy>, how: Cut) {
    match how {
        Cut::Severed => wire.sever(),
        Cut::Reset => wire.reset(),
        Cut::Refused(lasts) => {
            wire.refuse(true);
            wire.sever();
            after(lasts, wire, |wire| wire.refuse(false));
        }
        Cut::Held(lasts) => {
            wire.flow(Flow::Hold);
            after(lasts, wire, |wire| wire.flow(Flow::Pass));
        }
        Cut::Slowed { each_piece, lasts } => {
            wire.flow(Flow::Slow(each_piece));
            after(lasts, wire, |wire| wire.flow(Flow::Pass));
        }
    }
}

/// Meanwhile other things break.
fn after(lasts: Duration, wire: &Arc<Proxy>, mend: impl FnOnce(&Proxy) + Send + 'static) {
    let wire = Arc::clone(wire);
    tokio::spawn(async move {
        sleep(lasts).await;
        mend(&wire);
    });
}
