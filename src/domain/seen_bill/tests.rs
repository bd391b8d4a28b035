use super::*;
use crate::domain::date;
use crate::domain::invoice::{Day, Money};

const DAY: Duration = Duration::from_hours(24);

/// A bill as it was read: code, number, total, date.
fn invoice(code: &str, number: &str, total: &str, day: &str) -> Invoice {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let total: Option<Money> = crate::domain::amount::from_text(total);
    let day: Option<Day> = date::from_text(day, &jiff::tz::TimeZone::UTC);
    Invoice {
        note_code: text(code),
        note_no: text(number),
        total_cost: total,
        billing_date: day,
        ..Invoice::default()
    }
}

/// Legible ones: what is told from what is what matters here.
fn hashes(image: &str, invoice: &Invoice) -> BillHashes {
    BillTraits::of(image, [invoice]).hashed(|kind, parts| format!("{kind}: {parts:?}"))
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn first() -> (BillMark, BillHashes) {
    let bill = hashes(
        "image 1",
        &invoice("41060121", "0103815274", "207.50", "2026-06-03"),
    );
    let at = time("2026-06-04T01:00:00Z");
    (BillMark::new("job 1", at, &bill), bill)
}

/// In short: by what it is the same, or why it is not.
fn told(mark: &BillMark, job: &str, bill: &BillHashes, now: &str) -> String {
    match mark.meaning(job, bill, time(now), 30 * DAY) {
        MarkMeaning::OwnMark => "own".to_owned(),
        MarkMeaning::OtherBill => "other".to_owned(),
        MarkMeaning::Expired => "expired".to_owned(),
        MarkMeaning::SameBill(by) => {
            let mut earlier = EarlierJobs::default();
            earlier.add(mark, by);
            match (earlier.of_the_bill, earlier.of_a_red_lettered_one) {
                (Some(seen), None) => format!("{} {:?}", seen.job_id, seen.by),
                (None, Some(seen)) => format!("red {} {:?}", seen.job_id, seen.by),
                (one, other) => panic!("{one:?} {other:?}"),
            }
        }
    }
}

#[test]
fn a_bill_is_known_by_its_image_its_number_or_number_total_and_date() {
    let (mark, _) = first();
    for (image, code, number, total, day, expected) in [
        (
            "image 1",
            "41060121",
            "0103815274",
            "207.50",
            "2026-06-03",
            "job 1 Image",
        ),
        ("image 1", "", "0103815274", "", "", "job 1 Image"),
        (
            "image 2",
            "41060121",
            "0103815274",
            "1.00",
            "",
            "job 1 Number",
        ),
        (
            "image 2",
            "代码:4106 0121",
            "№ 103815274",
            "",
            "",
            "job 1 Number",
        ),
        (
            "image 2",
            "",
            "0103815274",
            "207.5",
            "2026-06-03",
            "job 1 NumberTotalDate",
        ),
        (
            "image 2",
            "41060122",
            "0103815274",
            "207.500",
            "2026-06-03",
            "job 1 NumberTotalDate",
        ),
        (
            "image 2",
            "41060122",
            "0103815274",
            "207.51",
            "2026-06-03",
            "other",
        ),
        (
            "image 2",
            "41060122",
            "0103815274",
            "207.50",
            "2026-06-04",
            "other",
        ),
        (
            "image 2",
            "41060122",
            "0103815274",
            "",
            "2026-06-03",
            "other",
        ),
        ("image 2", "", "0103815274", "", "", "other"),
        (
            "image 2",
            "41060121",
            "0103815275",
            "207.50",
            "2026-06-03",
            "other",
        ),
        (
            "image 2",
            "41060121",
            "01038****4",
            "207.50",
            "2026-06-03",
            "other",
        ),
        ("image 2", "41060121", "", "207.50", "2026-06-03", "other"),
    ] {
        let bill = hashes(image, &invoice(code, number, total, day));
        let found = told(&mark, "job 2", &bill, "2026-06-05T01:00:00Z");
        assert_eq!(found, expected, "{image} {code} {number} {total} {day}");
    }
}

#[test]
fn a_bill_of_which_nothing_else_was_read_is_known_by_its_image() {
    let unread = hashes("image 1", &Invoice::default());
    let short = hashes(
        "image 2",
        &invoice("41060121", "12", "207.50", "2026-06-03"),
    );
    assert_eq!((&unread.number, &short.number), (&None, &None));
    let mark = BillMark::new("job 1", time("2026-06-04T01:00:00Z"), &unread);
    for (image, expected) in [("image 1", "job 1 Image"), ("image 2", "other")] {
        let bill = hashes(image, &Invoice::default());
        let found = told(&mark, "job 2", &bill, "2026-06-04T01:00:00Z");
        assert_eq!(found, expected);
    }
}

#[test]
fn the_first_invoice_with_a_number_tells_what_the_bill_is() {
    let unread = invoice("41060121", "", "207.50", "2026-06-03");
    let registered = invoice("41060121", "0103815274", "207.50", "2026-06-03");
    let traits = BillTraits::of("image 1", [&unread, &registered]);
    assert!(traits == BillTraits::of("image 1", [&registered]));
    assert!(traits.have_number());
}

#[test]
fn the_same_job_is_never_an_earlier_one_and_an_old_one_is_forgotten() {
    let (mark, bill) = first();
    for (job, now, expected) in [
        ("job 1", "2026-06-04T01:00:00Z", "own"),
        ("job 1", "2027-06-04T01:00:00Z", "own"),
        ("job 2", "2026-06-04T01:00:00Z", "job 1 Image"),
        // A clock that is behind.
        ("job 2", "2026-06-04T00:59:59Z", "job 1 Image"),
        ("job 2", "2026-07-04T01:00:00Z", "job 1 Image"),
        ("job 2", "2026-07-04T01:00:01Z", "expired"),
    ] {
        assert_eq!(told(&mark, job, &bill, now), expected, "{job} {now}");
    }
}

#[test]
fn a_red_lettered_bill_and_its_successor_are_two_bills() {
    let now = "2026-06-05T01:00:00Z";
    let (mut red, bill) = first();
    red.redden();
    let again = hashes(
        "image 2",
        &invoice("41060121", "0103815274", "207.50", "2026-06-03"),
    );
    assert_eq!(told(&red, "job 2", &again, now), "red job 1 Number");
    assert_eq!(told(&red, "job 2", &bill, now), "job 1 Image");

    let seen = |by| SeenBefore {
        job_id: "job 1".to_owned(),
        by,
        at: time(now),
    };
    for (same, of_red, is_red, expected) in [
        (None, None, false, None),
        (Some(SeenBy::Number), None, false, Some(SeenBy::Number)),
        (None, Some(SeenBy::Number), false, None),
        (None, Some(SeenBy::Number), true, Some(SeenBy::Number)),
        (Some(SeenBy::NumberTotalDate), None, true, None),
        (Some(SeenBy::Image), None, true, Some(SeenBy::Image)),
        (
            Some(SeenBy::Image),
            Some(SeenBy::Number),
            false,
            Some(SeenBy::Image),
        ),
    ] {
        let earlier = EarlierJobs {
            of_the_bill: same.map(seen),
            of_a_red_lettered_one: of_red.map(seen),
        };
        let found = earlier.seen_before(is_red).map(|seen| seen.by);
        assert_eq!(found, expected, "{same:?} {of_red:?} {is_red}");
    }
}

/// Recognition reads no code, and may misread the total.
#[test]
fn what_the_registry_has_is_added_and_tells_more() {
    let of = |image, code, total| {
        let invoice = invoice(code, "0103815274", total, "2026-06-03");
        hashes(image, &invoice)
    };
    let at = time("2026-06-04T01:00:00Z");
    let mut mark = BillMark::new("job 1", at, &of("image 1", "", "1939.48"));
    let known_by = |mark: &BillMark, code, total| mark.same_by(&of("image 2", code, total));
    assert_eq!(known_by(&mark, "", "939.48"), None);
    assert_eq!(known_by(&mark, "41060121", "939.48"), None);

    assert!(mark.add(&of("image 1", "41060121", "939.48")));
    assert!(!mark.add(&of("image 1", "41060121", "939.48")), "no news");
    let rest = Some(SeenBy::NumberTotalDate);
    for (code, total, expected) in [
        ("", "1939.48", rest),
        ("", "939.48", rest),
        ("", "39.48", None),
        ("41060121", "39.48", Some(SeenBy::Number)),
    ] {
        assert_eq!(known_by(&mark, code, total), expected, "{code} {total}");
    }

    let mut earlier = EarlierJobs::default();
    for (by, expected) in [
        (SeenBy::NumberTotalDate, SeenBy::NumberTotalDate),
        (SeenBy::Number, SeenBy::Number),
        (SeenBy::NumberTotalDate, SeenBy::Number),
    ] {
        earlier.add(&mark, by);
        let found = earlier.of_the_bill.as_ref().map(|seen| seen.by);
        assert_eq!(found, Some(expected));
    }
}

#[test]
fn a_mark_is_read_as_it_was_written_and_shows_no_number() {
    let bill = BillTraits::of(
        "image 1",
        [&invoice("41060121", "0103815274", "207.50", "2026-06-03")],
    )
    .hashed(|kind, parts| format!("{:x}", (kind.len() + parts.len()) * 7_919));
    let at = time("2026-06-04T01:00:00Z");
    let mut red = BillMark::new("job 1", at, &bill);
    red.redden();
    for mark in [BillMark::new("job 1", at, &bill), red] {
        let json = serde_json::to_string(&mark).unwrap();
        assert_eq!(serde_json::from_str::<BillMark>(&json).unwrap(), mark);
        for hidden in ["103815274", "41060121", "207.5"] {
            assert!(!json.contains(hidden), "{json}");
        }
    }
}
