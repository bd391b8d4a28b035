//! The marks that jobs leave of their bills, read by workers that do not know each other.

use super::{Server, Shelf};
use bytes::Bytes;
use invoice_worker::checkpoint::{BillClaim, Checkpoints, Claimant, Config, StoreKind};
use invoice_worker::dev::{StoreScript, scripted_store};
use invoice_worker::domain::failure::{Failure, Stage};
use invoice_worker::domain::invoice::Invoice;
use invoice_worker::domain::seen_bill::BillTraits;
use invoice_worker::seal::{SealKey, Sealer};
use invoice_worker::store::{Store, WriteOutcome};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

promises![
    a_bill_is_recognised_by_workers_that_remember_nothing,
    of_many_workers_at_once_exactly_one_is_first,
    bills_of_one_number_are_told_apart,
    an_old_mark_is_taken_over_by_exactly_one,
    a_red_lettered_bill_is_not_the_one_that_replaces_it,
    a_bill_is_recognised_by_the_code_that_only_the_registry_knows,
    workers_with_an_old_and_a_new_key_find_each_others_marks,
    no_number_is_legible_in_the_store,
    a_mark_that_no_worker_wrote_is_replaced,
];

const MONTH: Duration = Duration::from_hours(30 * 24);

fn sealer(key: &str, previous: Option<&str>) -> Sealer {
    Sealer::new(SealKey::of(key), previous.map(SealKey::of))
}

/// As another process would have them: nothing in memory.
fn worker(shelf: &Shelf) -> Checkpoints {
    with_keys(shelf, sealer("key", None))
}

fn with_keys(shelf: &Shelf, sealer: Sealer) -> Checkpoints {
    Checkpoints::new(
        &Config::default(),
        &shelf.store,
        &shelf.config.bucket,
        sealer,
    )
}

fn bill(image: &str, code: &str, number: &str) -> BillTraits {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let invoice = Invoice {
        note_code: text(code),
        note_no: text(number),
        ..Invoice::default()
    };
    BillTraits::of(image, [&invoice])
}

fn noon(day: i64) -> Timestamp {
    let first: Timestamp = "2026-06-01T04:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * day)
}

async fn claim(at: &Checkpoints, job_id: &str, bill: &BillTraits, now: Timestamp) -> BillClaim {
    let claimant = Claimant {
        job_id,
        bill,
        is_known: false,
        was_unread: false,
    };
    at.claim_bill(&claimant, now, MONTH).await.unwrap()
}

/// The job that was first, and by what: in short.
fn told(claim: &BillClaim) -> String {
    claim.earlier.of_the_bill.as_ref().map_or_else(
        || "first".to_owned(),
        |seen| format!("{} {:?}", seen.job_id, seen.by),
    )
}

async fn a_bill_is_recognised_by_workers_that_remember_nothing(server: Server) {
    let shelf = Shelf::new(server).await;
    for (job, image, number, expected) in [
        ("job 1", "image 1", "0103815274", "first"),
        ("job 1", "image 1", "0103815274", "first"),
        ("job 2", "image 1", "0103815274", "job 1 Image"),
        ("job 3", "image 2", "0103815274", "job 1 Number"),
        ("job 4", "image 4", "0103815275", "first"),
        ("job 5", "image 5", "", "first"),
        ("job 6", "image 5", "", "job 5 Image"),
        ("job 7", "image 6", "", "first"),
    ] {
        let bill = bill(image, "41060121", number);
        for is_known in [false, true] {
            let claimant = Claimant {
                job_id: job,
                bill: &bill,
                is_known,
                was_unread: false,
            };
            let claiming = worker(&shelf).claim_bill(&claimant, noon(0), MONTH).await;
            assert_eq!(told(&claiming.unwrap()), expected, "{job} {is_known}");
        }
    }
    // A job that knows its image was not read before looks for it by the image as well.
    let bill = bill("image 5", "41060121", "0103815276");
    let claimant = Claimant {
        job_id: "job 8",
        bill: &bill,
        is_known: true,
        was_unread: true,
    };
    let claim = worker(&shelf).claim_bill(&claimant, noon(0), MONTH).await;
    assert_eq!(told(&claim.unwrap()), "job 5 Image");
}

async fn of_many_workers_at_once_exactly_one_is_first(server: Server) {
    let shelf = Shelf::new(server).await;
    let _ = worker(&shelf).probe().await.unwrap();
    for number in 0..5 {
        let bill = bill("image", "41060121", &format!("010381527{number}"));
        let workers: Vec<_> = (0..6).map(|_| worker(&shelf)).collect();
        let jobs: Vec<String> = (0..6).map(|job| format!("job {job}")).collect();
        let claims = workers
            .iter()
            .zip(&jobs)
            .map(|(worker, job)| claim(worker, job, &bill, noon(0)));
        let claims = futures_util::future::join_all(claims).await;
        let first: Vec<&String> = claims
            .iter()
            .zip(&jobs)
            .filter_map(|(claim, job)| (told(claim) == "first").then_some(job))
            .collect();
        let [first] = first[..] else {
            panic!("{first:?} are first")
        };
        let others = claims.iter().filter(|claim| told(claim) != "first");
        for other in others {
            assert_eq!(told(other), format!("{first} Image"));
        }
    }
}

async fn bills_of_one_number_are_told_apart(server: Server) {
    let shelf = Shelf::new(server).await;
    let codes = ["41060121", "41060122", "41060123"];
    for (job, code) in codes.iter().enumerate() {
        let bill = bill(&format!("image {job}"), code, "0103815274");
        let claim = claim(&worker(&shelf), &format!("job {job}"), &bill, noon(0)).await;
        assert_eq!(told(&claim), "first", "{code}");
    }
    for (job, code) in codes.iter().enumerate() {
        let bill = bill("another image", code, "0103815274");
        let claim = claim(&worker(&shelf), "a late job", &bill, noon(1)).await;
        assert_eq!(told(&claim), format!("job {job} Number"));
    }
}

async fn an_old_mark_is_taken_over_by_exactly_one(server: Server) {
    let shelf = Shelf::new(server).await;
    let (one, two) = (
        bill("image 1", "41060121", "0103815274"),
        bill("image 2", "41060122", "0103815274"),
    );
    claim(&worker(&shelf), "job 1", &one, noon(0)).await;
    claim(&worker(&shelf), "job 2", &two, noon(20)).await;
    // The first mark is too old by now, the second is not.
    let late = claim(&worker(&shelf), "job 3", &two, noon(31)).await;
    assert_eq!(told(&late), "job 2 Image");
    let workers: Vec<_> = (0..4).map(|_| worker(&shelf)).collect();
    let jobs = ["job 4", "job 5", "job 6", "job 7"];
    let claims = workers
        .iter()
        .zip(jobs)
        .map(|(worker, job)| claim(worker, job, &one, noon(31)));
    let claims = futures_util::future::join_all(claims).await;
    let first = claims.iter().filter(|claim| told(claim) == "first").count();
    assert_eq!(
        first,
        1,
        "of {:?}",
        claims.iter().map(told).collect::<Vec<_>>()
    );
    let again = claim(&worker(&shelf), "job 8", &one, noon(50)).await;
    assert!(told(&again).ends_with(" Image"), "{}", told(&again));
}

async fn a_red_lettered_bill_is_not_the_one_that_replaces_it(server: Server) {
    let shelf = Shelf::new(server).await;
    let bill = |image: &str| bill(image, "41060121", "0103815274");
    let red = claim(&worker(&shelf), "job 1", &bill("image 1"), noon(0)).await;
    let red = red.registered(&bill("image 1"), true);
    worker(&shelf).keep_bill_marks(&red).await.unwrap();

    let successor = claim(&worker(&shelf), "job 2", &bill("image 2"), noon(1)).await;
    assert!(successor.earlier.clone().seen_before(false).is_none());
    // The registry calls it red-lettered as well: the same bill once more.
    let again = successor.earlier.seen_before(true).unwrap();
    assert_eq!(again.job_id, "job 1");
    let third = claim(&worker(&shelf), "job 3", &bill("image 3"), noon(2)).await;
    let earlier = third.earlier.seen_before(false).unwrap();
    assert_eq!(earlier.job_id, "job 2", "the successor, twice");
}

async fn a_bill_is_recognised_by_the_code_that_only_the_registry_knows(server: Server) {
    let shelf = Shelf::new(server).await;
    let read = |image| bill(image, "", "0103815274");
    let registered = |image| bill(image, "41060121", "0103815274");
    let first = claim(&worker(&shelf), "job 1", &read("image 1"), noon(0)).await;
    let first = first.registered(&registered("image 1"), false);
    assert!(first.is_changed);
    worker(&shelf).keep_bill_marks(&first).await.unwrap();

    let second = claim(&worker(&shelf), "job 2", &read("image 2"), noon(0)).await;
    assert_eq!(told(&second), "first", "nothing else is known yet");
    let second = second.registered(&registered("image 2"), false);
    assert_eq!(told(&second), "job 1 Number");
}

/// The order of a rotation: old beside rotating, rotating beside new.
async fn workers_with_an_old_and_a_new_key_find_each_others_marks(server: Server) {
    let shelf = Shelf::new(server).await;
    let (old, rotating, new) = (
        with_keys(&shelf, sealer("old", None)),
        with_keys(&shelf, sealer("new", Some("old"))),
        with_keys(&shelf, sealer("new", None)),
    );
    for (number, one, other) in [
        ("0103815271", &old, &rotating),
        ("0103815272", &rotating, &old),
        ("0103815273", &rotating, &new),
        ("0103815274", &new, &rotating),
    ] {
        let bill = bill("image", "41060121", number);
        assert_eq!(told(&claim(one, "job 1", &bill, noon(0)).await), "first");
        let found = told(&claim(other, "job 2", &bill, noon(0)).await);
        assert_eq!(found, "job 1 Image", "{number}");
    }
}

async fn no_number_is_legible_in_the_store(server: Server) {
    let shelf = Shelf::new(server).await;
    claim(
        &worker(&shelf),
        "job 1",
        &bill("image 1", "41060121", "0103815274"),
        noon(0),
    )
    .await;
    let marks = shelf.keys("checkpoints/seen/").await;
    let [key] = &marks[..] else {
        panic!("one mark, not {marks:?}")
    };
    let object = shelf.read(key, None).await;
    let object = format!("{key} {}", String::from_utf8_lossy(&object));
    for number in ["103815274", "41060121"] {
        assert!(!object.contains(number), "{object}");
    }
}

async fn a_mark_that_no_worker_wrote_is_replaced(server: Server) {
    let shelf = Shelf::new(server).await;
    let bill = bill("image 1", "41060121", "0103815274");
    claim(&worker(&shelf), "job 1", &bill, noon(0)).await;
    let key = shelf.keys("checkpoints/seen/").await.remove(0);
    shelf
        .put(&key, b"{\"v\":2,\"seal\":\"00\",\"value\":{}}")
        .await;
    for (job, expected) in [("job 2", "first"), ("job 3", "job 2 Image")] {
        let claim = claim(&worker(&shelf), job, &bill, noon(0)).await;
        assert_eq!(told(&claim), expected);
    }
}

#[tokio::test]
async fn marks_are_kept_in_the_memory_alone_or_nowhere() {
    let store = scripted_store(Unconditional::default());
    for (kind, expected) in [
        (StoreKind::Memory, "job 1 Image"),
        (StoreKind::None, "first"),
    ] {
        let config = Config {
            store: kind,
            ..Config::default()
        };
        let kept = Checkpoints::new(&config, &store, "bucket", sealer("key", None));
        let bill = bill("image 1", "41060121", "0103815274");
        let both = futures_util::future::join(
            claim(&kept, "job 1", &bill, noon(0)),
            claim(&kept, "job 2", &bill, noon(0)),
        );
        let (one, two) = both.await;
        assert_eq!([told(&one), told(&two)], ["first", expected], "{kind:?}");
    }
}

/// A store that does not know the header.
#[derive(Default)]
struct Unconditional(Mutex<BTreeMap<String, Bytes>>);

impl StoreScript for Unconditional {
    fn read(&self, key: &str) -> Result<Bytes, Failure> {
        let missing = Failure {
            http_status: Some(404),
            ..Failure::new(Stage::Storage, "NoSuchKey", "")
        };
        self.0.lock().unwrap().get(key).cloned().ok_or(missing)
    }

    fn write(&self, key: &str, bytes: Bytes, _new: bool) -> Result<WriteOutcome, Failure> {
        self.0.lock().unwrap().insert(key.to_owned(), bytes);
        Ok(WriteOutcome::New)
    }
}

#[tokio::test]
async fn where_the_store_does_not_know_conditions_it_is_read_first() {
    let store: Store = scripted_store(Unconditional::default());
    let worker = || Checkpoints::new(&Config::default(), &store, "bucket", sealer("key", None));
    assert_eq!(worker().probe().await.unwrap(), Some(false));
    let bill = bill("image 1", "41060121", "0103815274");
    for (job, expected) in [
        ("job 1", "first"),
        ("job 2", "job 1 Image"),
        ("job 1", "first"),
    ] {
        assert_eq!(told(&claim(&worker(), job, &bill, noon(0)).await), expected);
    }
}
