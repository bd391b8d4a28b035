//! `deploy/clients/sql/results.sql` on a real `PostgreSQL`: what is delivered again, or by two
//! consumers at once, is in the database once.

use crate::harness::postgres::Postgres;
use crate::harness::system::{On, Setup};
use invoice_worker::broker::Message;
use std::fmt::Write;

const RESULTS: &str = include_str!("../../../deploy/clients/sql/results.sql");

fn take(results: &[Message]) -> String {
    let mut sql = String::new();
    for result in results {
        let id = result.properties.message_id.as_deref().unwrap();
        let body = std::str::from_utf8(&result.body).unwrap();
        writeln!(sql, "EXECUTE take_result('{id}', $body${body}$body$);").unwrap();
    }
    sql
}

/// The statement alone, for a session that finds the tables there.
fn prepared() -> &'static str {
    &RESULTS[RESULTS.find("PREPARE").unwrap()..]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_in_the_database_exactly_once_and_the_newest_run_decides() {
    let fault = "[[fault]]\nstage = \"verification\"\nanswer = \"319\"\nsample = \"02-henan-inpatient\"\ncalls = [1]\n";
    let mut system = Setup::new(On::Memory).await.faults(fault).start().await;
    let mut results = Vec::new();
    for (job_id, sample) in [
        ("good", "01-beijing-outpatient"),
        ("again", "02-henan-inpatient"),
    ] {
        let key = system.sample(sample).await;
        system.submit(&system.job(job_id, &key)).await;
        results.push(system.reply().await);
    }
    system.submit(&system.job("missing", "nowhere.jpg")).await;
    results.push(system.reply().await);
    system.submit(&system.message("no id", "not JSON")).await;
    results.push(system.reply().await);
    // A person has looked, and the job is submitted anew: another run, which is answered.
    let mut again = system.job("again", "samples/02-henan-inpatient.jpg");
    again.properties.timestamp = Some(1_700_000_001);
    system.submit(&again).await;
    results.push(system.reply().await);

    let database = Postgres::start().await;
    // The older run once more, behind the newer one.
    results.push(results[1].clone());
    database
        .script(&format!("{RESULTS}{}", take(&results)))
        .await;
    let session = format!("{}{}", prepared(), take(&results));
    tokio::join!(database.script(&session), database.script(&session));

    let stored =
        "SELECT status, verdict, error_code, total_cost > 0 FROM invoice_result ORDER BY 1, 2, 3;";
    assert_eq!(
        database.script(stored).await,
        "completed|genuine||t\n\
         completed|genuine||t\n\
         invalid_job||image.not_found|\n\
         invalid_job||job.malformed|\n\
         undetermined||319|t\n"
    );
    let claims = "SELECT job_id, state, verdict, changes FROM claim ORDER BY 1;";
    assert_eq!(
        database.script(claims).await,
        "again|answered|genuine|2\ngood|answered|genuine|1\nmessage of no id|to be mended||1\nmissing|to be mended||1\n"
    );
}

/// Without a database that exists already, consumers in two sessions at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_consumers_that_take_the_same_results_at_once_change_each_claim_once() {
    let mut system = Setup::new(On::Memory).await.start().await;
    let mut results = Vec::new();
    for number in 0..30 {
        let id = format!("CLM-{number}");
        system.submit(&system.job(&id, "nowhere.jpg")).await;
        results.push(system.reply().await);
    }
    let database = Postgres::start().await;
    database.script(RESULTS).await;
    let one = format!("{}{}", prepared(), take(&results));
    results.reverse();
    let other = format!("{}{}", prepared(), take(&results));
    tokio::join!(database.script(&one), database.script(&other));
    let counts = "SELECT count(*), min(changes), max(changes) FROM claim; SELECT count(*) FROM invoice_result;";
    assert_eq!(database.script(counts).await, "30|1|1\n30\n");
}
