//! PDF documents, read by the worker's own child: `cargo test --features pdf --test it pdf::`.

use crate::harness::hostile_documents::hostile_documents;
use crate::harness::hostile_files::hostile_files;
use crate::harness::pdf_file::{
    WrittenPage, first_other, foreign_text, image_object, pdf, scan, squares, whole_page,
};
use crate::harness::picture::{code_of, page_with_its_code};
use crate::harness::program::ConfigFile;
use crate::harness::system::{BUCKET, On, PATIENCE, Setup};
use invoice_worker::domain::failure::Stage;
use invoice_worker::image::{ImageFacts, inspect};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

const SAMPLE: &str = "01-beijing-outpatient";
const SIDES: (u32, u32) = (1_240, 1_754);
/// What the process may take beside its images; the child has memory of its own.
const SLACK_BYTES: u64 = 64 << 20;
const MEBIBYTE: u64 = 1 << 20;

/// What the child answers: what it tells, and the picture.
async fn child(document: &[u8], arguments: &[&str]) -> (Value, Vec<u8>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_invoice-worker"))
        .arg("pdf-page")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(document).await.unwrap();
    drop(stdin);
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("an end in time").unwrap();
    let end = output.stdout.iter().position(|byte| *byte == b'\n');
    let (told, picture) = output.stdout.split_at(end.expect("an answer") + 1);
    (serde_json::from_slice(told).unwrap(), picture.to_vec())
}

fn facts(picture: &[u8]) -> ImageFacts {
    inspect(picture, 1).unwrap()
}

fn jpeg() -> Vec<u8> {
    page_with_its_code(SAMPLE, SIDES)
}

/// The QR code of the bill as squares.
fn drawn_bill() -> Vec<u8> {
    squares(&code_of(SAMPLE, 1))
}

const GREY_JPEG: &str = "/ColorSpace/DeviceGray/Filter/DCTDecode";

#[tokio::test]
async fn a_scans_own_jpeg_is_taken_out() {
    let jpeg = jpeg();
    let (told, picture) = child(&scan(&jpeg, SIDES), &[]).await;
    assert_eq!(told, json!({ "page": 1 }));
    assert!(picture == jpeg, "the very bytes");
    // Text for searching lies over a scan unseen, in fonts that nobody has.
    let (fonts, text) = foreign_text(6, 3);
    let mut page = whole_page(&text);
    page.entries = page
        .entries
        .replace("/XObject", "/Font<</F 6 0 R>>/XObject");
    let objects = [vec![image_object(SIDES, GREY_JPEG, &jpeg)], fonts].concat();
    let (_, picture) = child(&pdf(&[page], &objects), &[]).await;
    assert!(picture == jpeg, "the very bytes");
}

#[tokio::test]
async fn a_scan_that_lies_on_its_side_stands_as_its_page_shows_it() {
    let jpeg = jpeg();
    for (turn, orientation) in [(90, 6), (180, 3), (270, 8)] {
        let mut page = whole_page("");
        page.entries = format!("{}/Rotate {turn}", page.entries);
        let document = pdf(&[page], &[image_object(SIDES, GREY_JPEG, &jpeg)]);
        let (_, picture) = child(&document, &[]).await;
        assert_eq!(facts(&picture).orientation, orientation, "{turn}");
        assert!(picture.ends_with(&jpeg[2..]), "only the EXIF data is new");
    }
}

#[tokio::test]
async fn what_is_no_plain_scan_is_drawn_at_200_dpi_at_least() {
    let jpeg = jpeg();
    let image = |entries: &str| image_object(SIDES, entries, &jpeg);
    let small = WrittenPage::new("q 300 0 0 400 50 50 cm /I Do Q", "/XObject<</I 5 0 R>>");
    let over = whole_page("1 0 0 rg 100 100 200 50 re f");
    let inverted = format!("{GREY_JPEG}/Decode[1 0]");
    for (what, document) in [
        ("vectors", pdf(&[WrittenPage::plain(drawn_bill())], &[])),
        ("a picture on a page", pdf(&[small], &[image(GREY_JPEG)])),
        ("a mark over a scan", pdf(&[over], &[image(GREY_JPEG)])),
        ("other colours", pdf(&[whole_page("")], &[image(&inverted)])),
    ] {
        let (told, picture) = child(&document, &[]).await;
        assert_eq!(told, json!({ "page": 1 }), "{what}");
        let seen = facts(&picture);
        assert_eq!(seen.format.as_str(), "png", "{what}");
        assert!((2_338..=4_096).contains(&seen.height), "{what}: {seen:?}");
    }
}

#[tokio::test]
async fn the_page_is_the_first_with_a_bills_code_unless_the_job_says() {
    let cover = || WrittenPage::plain("0 g 100 100 50 50 re f");
    let bill = || WrittenPage::plain(drawn_bill());
    let document = pdf(&[cover(), cover(), bill()], &[]);
    let covers = pdf(&[cover(), cover()], &[]);
    for (document, arguments, expected) in [
        (&document, &[][..], json!({ "page": 3 })),
        (&document, &["--page", "2"], json!({ "page": 2 })),
        (&covers, &[], json!({ "page": 1 })),
        (
            &document,
            &["--page", "4"],
            json!({ "refused": { "no_such_page": { "pages": 3 } } }),
        ),
    ] {
        let (told, picture) = child(document, arguments).await;
        assert_eq!(told, expected);
        assert_eq!(picture.is_empty(), told["page"].is_null());
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_name() {
    let sound = pdf(&[WrittenPage::plain(drawn_bill())], &[]);
    let user = include_bytes!("../data/documents/user-password.pdf");
    let cut_scan = scan(&jpeg()[..2_000], SIDES);
    let damaged = {
        let entries = "/ColorSpace/DeviceGray/Filter[/FlateDecode/DCTDecode]";
        pdf(&[whole_page("")], &[image_object(SIDES, entries, b"no")])
    };
    for (what, document, expected) in [
        ("a password", &user[..], json!({ "refused": "password" })),
        (
            "cut",
            &sound[..sound.len() / 2],
            json!({ "refused": "cut_off" }),
        ),
        (
            "nothing",
            b"%PDF-1.7\n%%EOF",
            json!({ "refused": "damaged" }),
        ),
        ("an image", &damaged, json!({ "refused": "picture" })),
        ("a scan that is cut", &cut_scan, json!({ "page": 1 })),
    ] {
        assert_eq!(child(document, &[]).await.0, expected, "{what}");
    }
    let owner = include_bytes!("../data/documents/owner-password.pdf");
    assert_eq!(child(owner, &[]).await.0, json!({ "page": 1 }));
}

#[tokio::test]
async fn text_without_its_font_never_goes_out_silently() {
    let (fonts, text) = foreign_text(first_other(1), 0);
    let page = WrittenPage::new(text, "/Font<</F 5 0 R>>");
    let document = pdf(&[page], &fonts);
    let refused = |is_configured| json!({ "refused": { "font": { "name": "SimSun", "is_configured": is_configured } } });
    assert_eq!(child(&document, &[]).await.0, refused(false));
    // A font without Chinese characters is no help: the one of Latin that any system has.
    let latin = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
    if std::path::Path::new(latin).exists() {
        let (told, _) = child(&document, &["--font", latin]).await;
        assert_eq!(told, refused(true));
    }
    let chinese = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";
    if std::path::Path::new(chinese).exists() {
        let (told, picture) = child(&document, &["--font", chinese]).await;
        assert_eq!(told, json!({ "page": 1 }));
        let picture = image::load_from_memory(&picture).unwrap().into_luma8();
        let dark = picture.pixels().filter(|pixel| pixel.0[0] < 100).count();
        assert!(dark > 1_000, "{dark} pixels of four characters");
    }
}

#[tokio::test]
async fn a_bill_in_a_document_is_recognised_and_verified() {
    let mut system = Setup::new(On::Memory).await.start().await;
    let cover = WrittenPage::plain("0 g 100 100 50 50 re f");
    let at = first_other(2);
    let page = WrittenPage::new(
        "q 595 0 0 842 0 0 cm /I Do Q",
        &format!("/XObject<</I {at} 0 R>>"),
    );
    let jpeg = jpeg();
    let document = pdf(&[cover, page], &[image_object(SIDES, GREY_JPEG, &jpeg)]);
    let size = document.len();
    system
        .sandbox
        .put(BUCKET, "bill.pdf", document)
        .await
        .unwrap();
    let result = system.ask(&system.job("bill", "bill.pdf")).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let image = &result["image"];
    assert_eq!(
        (&image["format"], &image["bytes"], &image["width"]),
        (&json!("pdf"), &json!(size), &json!(SIDES.0))
    );
    for stage in ["recognition", "verification"] {
        let prepared = &image["prepared"][stage];
        assert_eq!(
            (&prepared["format"], &prepared["bytes"]),
            (&json!("jpeg"), &json!(jpeg.len())),
            "{result}"
        );
    }
    // The page that was found is the page that may be named: its answers are known.
    let image = json!({ "key": "bill.pdf", "page": 2 });
    let job = json!({ "job_id": "again", "image": image }).to_string();
    let result = system.ask(&system.message("again", job)).await;
    assert_eq!(result["verdict"], "genuine", "{result}");
    let bought = system.sandbox.calls().count(Stage::Recognition).billed;
    assert_eq!(bought, 1, "no second time");
    let image = json!({ "key": "bill.pdf", "page": 3 });
    let job = json!({ "job_id": "third", "image": image }).to_string();
    let result = system.ask(&system.message("third", job)).await;
    assert_eq!(result["error"]["code"], "image.not_found", "{result}");
    assert_eq!(result["image"]["format"], "pdf");
}

/// Hostile files in a row, fifty documents among them, through a worker of its own.
#[tokio::test]
async fn the_worker_outlives_every_hostile_file_within_its_memory() {
    const FILES: usize = 450;
    const DOCUMENTS: usize = 50;
    const MEMORY: u64 = 128 * MEBIBYTE;
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.worker.image_memory = "128MiB".parse().unwrap();
    let mut system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[]);
    program.event("consuming").await;
    let (pid, before) = (program.id(), program.peak_memory());
    let mut bodies: Vec<(&str, Vec<u8>)> = hostile_files(16, FILES)
        .into_iter()
        .map(|file| (file.what, file.bytes))
        .collect();
    let documents = hostile_documents(17, DOCUMENTS);
    bodies.extend(documents.into_iter().map(|file| (file.what, file.bytes)));
    for (number, (_, bytes)) in bodies.iter().enumerate() {
        let key = number.to_string();
        system
            .sandbox
            .put(BUCKET, &key, bytes.clone())
            .await
            .unwrap();
        system.submit(&system.job(&key, &key)).await;
    }
    let sound = scan(&jpeg(), SIDES);
    system.sandbox.put(BUCKET, "sound", sound).await.unwrap();
    system.submit(&system.job("sound", "sound")).await;
    let mut results: HashMap<String, Value> = HashMap::new();
    while results.len() <= bodies.len() {
        let result = system.result().await;
        results.insert(result["job_id"].as_str().unwrap().to_owned(), result);
    }
    for (number, (what, _)) in bodies.iter().enumerate() {
        let result = &results[&number.to_string()];
        let code = result["error"]["code"].as_str().unwrap_or_default();
        assert!(
            result["status"] == "invalid_job" && code.starts_with("image."),
            "{what}: {result}"
        );
        assert_eq!(result["calls"], json!([]), "{what}");
    }
    assert_eq!(results["sound"]["verdict"], "genuine");
    assert_eq!(program.id(), pid, "the same process");
    let grown = program.peak_memory() - before;
    assert!(grown <= MEMORY + SLACK_BYTES, "{} MiB", grown / MEBIBYTE);
    assert_eq!(program.stop().await.code, Some(0));
}
