//! A worker in a process of its own, behind a wire, with one job in hand when the broker is lost.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Program};
use crate::harness::proxy::Proxy;
use crate::harness::rabbitmq;
use crate::harness::system::{On, Setup, System};
use invoice_worker::broker::{Message, run_id};
use invoice_worker::domain::failure::Stage;
use invoice_worker::settings::secret::Secret;
use serde_json::Value;
use std::time::Duration;

pub(super) const LOST: &str =
    "the broker was lost; what was not acknowledged will be delivered again";
pub(super) const CANCELLED: &str =
    "no more jobs come from the broker; connecting anew, those in flight are finished";

pub(super) struct Outage {
    pub(super) system: System,
    pub(super) wire: Proxy,
    pub(super) program: Program,
    telemetry: String,
    run: String,
    _file: ConfigFile,
}

impl Outage {
    /// Returns while the job's recognition is under way.
    pub(super) async fn prepare() -> Self {
        Self::prepare_behind(Proxy::url).await
    }

    pub(super) async fn prepare_behind(url: fn(&Proxy) -> Secret) -> Self {
        let mut setup = Setup::new(On::RabbitMq).await;
        setup.scenario.recognition.latency = Duration::from_secs(1);
        let mut system = setup.prepare().await;
        let wire = Proxy::before(rabbitmq::port().await).await;
        system.put_behind(url(&wire));
        let file = ConfigFile::of(&system);
        let mut program = file.run(&[]);
        let telemetry = program.telemetry().await;
        program.event("consuming").await;
        let key = system.sample("01-beijing-outpatient").await;
        let job = system.job("job", &key);
        system.submit(&job).await;
        system.is_called(Stage::Recognition).await;
        Self {
            system,
            wire,
            program,
            telemetry,
            run: run_id(&job),
            _file: file,
        }
    }

    /// The worker says so, and why, and that it is not ready. It finds no way back before it is
    /// let.
    pub(super) async fn broker_is_lost(&mut self, message: &str, cause: &str) {
        let told = self.program.event(message).await;
        let problem = told["problem"].as_str().unwrap();
        assert!(problem.contains(cause), "{problem}");
        let (status, body) = self.readiness().await;
        assert_eq!(
            (status, &body["state"]),
            (503, &"disconnected".into()),
            "{body}"
        );
    }

    /// The worker comes back by itself. The job in hand has one answer and was paid once, and there
    /// was one line each way.
    pub(super) async fn ends(mut self) {
        self.wire.refuse(false);
        self.program.event("consuming").await;
        eventually("ready", async || self.readiness().await.0 == 200).await;
        let answer = self.system.reply().await;
        assert_eq!(
            answer.properties.message_id.as_deref(),
            Some(self.run.as_str())
        );
        let result: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(result["verdict"], "genuine", "{result}");

        let ended = self.program.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        // Where it broke between a result and its acknowledgement, the same bytes come again.
        let again = self.system.replies_so_far().await;
        let is_same = |copy: &Message| {
            (&copy.properties.message_id, &copy.body)
                == (&answer.properties.message_id, &answer.body)
        };
        assert!(
            again.iter().all(is_same),
            "answered otherwise: {}",
            ended.stderr
        );
        for stage in [Stage::Recognition, Stage::Verification] {
            assert_eq!(
                self.system.sandbox.calls().count(stage).billed,
                1,
                "{stage} calls that were paid"
            );
        }
        for queue in [
            &self.system.config.broker.jobs_queue,
            &self.system.config.broker.due_queue,
        ] {
            assert_eq!(self.system.depth(queue).await, 0, "{queue}");
        }
        // A queue that was deleted is told beside that: what it lost, and that it is declared
        // again.
        let of_the_queue = ended.stderr.matches("::queue_watch\"").count();
        let on_the_way_down = ended.lines_at("WARN") + ended.lines_at("ERROR") - of_the_queue;
        assert_eq!(
            on_the_way_down, 1,
            "one line on the way down: {}",
            ended.stderr
        );
        assert_eq!(
            ended.stderr.matches(r#""message":"consuming""#).count(),
            2,
            "and one on the way up: {}",
            ended.stderr
        );
    }

    async fn readiness(&self) -> (u16, Value) {
        let answer = reqwest::get(format!("{}/readyz", self.telemetry))
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}
