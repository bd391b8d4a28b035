//! `process`: one-shot, a result for every image.

use crate::harness::program::{ConfigFile, Ended, NONE, output};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::samples;
use serde_json::Value;

struct ProcessTest {
    system: System,
    file: ConfigFile,
}

impl ProcessTest {
    async fn new(faults: &str) -> Self {
        let system = Setup::new(On::Memory).await.faults(faults).prepare().await;
        let file = ConfigFile::of(&system);
        Self { system, file }
    }

    fn local(&self, name: &str) -> String {
        let sample = samples::named(name).unwrap();
        self.write(sample.file, sample.bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.file.file(name), bytes).unwrap();
        self.file.file(name).display().to_string()
    }

    async fn stored(&self, name: &str) -> String {
        format!("s3://{BUCKET}/{}", self.system.sample(name).await)
    }

    async fn process(&self, images: &[&str]) -> Ended {
        let path = self.file.path();
        output(&[&["process", "-c", &path], images].concat(), &NONE).await
    }

    async fn results(&self, images: &[&str]) -> (Option<i32>, Vec<Value>) {
        let ended = self.process(&[&["--json"], images].concat()).await;
        let results = ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (ended.code, results)
    }
}

#[tokio::test]
async fn local_and_stored_images_get_a_line_each_in_their_order() {
    let test = ProcessTest::new("").await;
    let images = [
        test.local("01-beijing-outpatient"),
        test.stored("05-guangdong-inpatient-voided").await,
    ];
    let (code, results) = test.results(&[&images[0], &images[1]]).await;
    assert_eq!(code, Some(0), "a negative verdict is an answer, too");
    let told: Vec<_> = results
        .iter()
        .map(|result| (&result["status"], &result["verdict"]))
        .collect();
    assert_eq!(
        told,
        [
            (&"completed".into(), &"genuine".into()),
            (&"completed".into(), &"voided".into())
        ]
    );
}

#[tokio::test]
async fn without_json_a_person_can_read_it() {
    let test = ProcessTest::new("").await;
    let ended = test.process(&[&test.local("01-beijing-outpatient")]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "Outcome       genuine: the fiscal registry knows this bill",
        "Total         411.42",
        "2 paid",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn images_that_cannot_be_processed_do_not_keep_the_others_from_it() {
    let test = ProcessTest::new("").await;
    let folder = test.file.folder().display().to_string();
    let (notes, image) = (
        test.write("notes.txt", b"no image at all"),
        test.local("01-beijing-outpatient"),
    );
    let missing = format!("s3://{BUCKET}/nowhere.jpg");
    let (code, results) = test
        .results(&["/nowhere.jpg", &folder, &notes, &missing, &image])
        .await;
    assert_eq!(code, Some(1));
    let codes: Vec<_> = results
        .iter()
        .map(|result| result["error"]["code"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(
        codes,
        [
            "image.not_found",
            "image.not_found",
            "image.unsupported_format",
            "image.not_found",
            "none"
        ]
    );
    assert_eq!(results[4]["verdict"], "genuine");

    let ended = test.process(&["/nowhere.jpg"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stdout
            .contains("the file cannot be read: No such file"),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn a_job_that_would_be_parked_says_when_it_would_be_tried_again() {
    let test = ProcessTest::new("[[fault]]\nstage = \"verification\"\nanswer = \"316\"\n").await;
    let (code, results) = test.results(&[&test.local("01-beijing-outpatient")]).await;
    assert_eq!(code, Some(1));
    let error = &results[0]["error"];
    assert_eq!(
        (&results[0]["status"], &error["code"]),
        (&"undetermined".into(), &"316".into())
    );
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("; a queued job would be tried again at 20"),
        "{error}"
    );
    assert!(
        !results[0]["recognition"].is_null(),
        "what was paid for is told"
    );
}
