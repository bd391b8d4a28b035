//! Whatever picture of a bill a job brings: what leaves for a provider is within that provider's
//! limits, upright where it was drawn anew, and its QR code is read by two readers, the sandbox's
//! and one that is not related to it; or the job is refused with the right code and unpaid.

use crate::harness::picture::{code_of, jpeg, turned_by_exif};
use crate::harness::provider_recorder::ProviderRecorder;
use crate::harness::python;
use crate::harness::system::{BUCKET, On, Setup};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, imageops};
use invoice_worker::dev::sandbox::samples::{self, Sample};
use invoice_worker::domain::failure::Stage;
use invoice_worker::image::inspect;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use std::io::Cursor;
use std::process::Command;

const PICTURES: usize = 12;
const MAX_PIXELS: u32 = 1_000_000;
const LARGEST_MODULE: u32 = 24;
/// Reads each file that it is given; a line for each, empty where there is no code.
const SECOND_READER: &str = "
import sys, zxingcpp
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
for path in sys.argv[1:]:
    codes = zxingcpp.read_barcodes(Image.open(path).convert('L'), zxingcpp.BarcodeFormat.QRCode)
    print(codes[0].text if codes else '')
";

#[derive(Clone, Debug)]
struct Drawn {
    sides: (u32, u32),
    /// Black lines across the page behind the code: from flat to what compresses badly.
    noise: u32,
    format: ImageFormat,
    orientation: u8,
}

impl Drawn {
    /// The side of a module of the code, in pixels.
    fn module(&self, sample: &Sample) -> u32 {
        let (width, height) = self.sides;
        (width.min(height) / code_of(sample.name, 1).width()).clamp(1, LARGEST_MODULE)
    }

    /// Whether a module still has two pixels where the page is made as small as it has to be.
    fn is_legible_at(&self, stage: Stage, sample: &Sample) -> bool {
        let (long, most) = (self.sides.0.max(self.sides.1), longest_side(stage));
        self.module(sample) * most / long.max(most) >= 2
    }
}

fn longest_side(stage: Stage) -> u32 {
    if stage == Stage::Recognition {
        4_096
    } else {
        6_000
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let formats = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ];
    (
        200_u32..=8_000,
        1_u32..=1_000,
        any::<bool>(),
        prop_oneof![Just(0_u32), 1_u32..=255],
        0..formats.len(),
        1_u8..=8,
    )
        .prop_map(move |(long, share, is_wide, noise, format, orientation)| {
            let short = (long * share / 1_000).clamp(64, (MAX_PIXELS / long).min(long));
            Drawn {
                sides: if is_wide {
                    (long, short)
                } else {
                    (short, long)
                },
                noise,
                format: formats[format],
                orientation,
            }
        })
}

/// The sample's code on a page of these sides, as large as the page allows.
fn page(sample: &Sample, drawn: &Drawn) -> Vec<u8> {
    let (width, height) = drawn.sides;
    let mut state = 7_u32;
    let mut page = GrayImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Luma([u8::MAX - u8::try_from((state >> 24) * drawn.noise / 255).unwrap()])
    });
    imageops::replace(&mut page, &code_of(sample.name, drawn.module(sample)), 0, 0);
    if drawn.format == ImageFormat::Jpeg {
        return turned_by_exif(jpeg(&page), drawn.orientation);
    }
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(page)
        .into_rgb8()
        .write_to(&mut bytes, drawn.format)
        .unwrap();
    bytes.into_inner()
}

/// The picture within a request: the file of a form, or else the longest run of base64.
fn picture_in(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    if text.starts_with("--") {
        let end_of_line = find(body, b"\r\n");
        let boundary = [b"\r\n", &body[..end_of_line]].concat();
        let part = &body[find(body, b"name=\"file\"")..];
        let content = &part[find(part, b"\r\n\r\n") + 4..];
        return content[..find(content, &boundary)].to_vec();
    }
    let is_base64 = |character: char| character.is_ascii_alphanumeric() || "+/".contains(character);
    let text = text.replace("%2B", "+").replace("%2F", "/");
    let longest = text
        .split(|character| !is_base64(character))
        .max_by_key(|run| run.len())
        .unwrap();
    base64_simd::STANDARD_NO_PAD.decode_to_vec(longest).unwrap()
}

fn find(body: &[u8], wanted: &[u8]) -> usize {
    body.windows(wanted.len())
        .position(|window| window == wanted)
        .unwrap()
}

fn is_within_limits(stage: Stage, sent: &[u8]) {
    let facts = inspect(sent, 1).unwrap();
    let (long, short) = (facts.width.max(facts.height), facts.width.min(facts.height));
    assert!(long <= longest_side(stage), "{facts:?}");
    if stage == Stage::Recognition {
        assert!(sent.len().div_ceil(3) * 4 <= 4 << 20 && short >= 15);
        assert_eq!(facts.orientation, 1);
    } else {
        assert!(sent.len() <= 5 << 20 && short > 128);
    }
}

/// What the second reader says of each picture.
fn read_again<'a>(pictures: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let paths = pictures.enumerate().map(|(number, bytes)| {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let mut reader = Command::new(python::program("python3", "INVOICE_WORKER_TEST_PYTHON"));
    let output = reader
        .args(["-c", SECOND_READER])
        .args(paths)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn code_text(sample: &Sample) -> String {
    let answers: Value = serde_json::from_str(sample.answers_json).unwrap();
    answers["qr"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_leaves_is_within_the_limits_and_read_by_two_readers() {
    let mut system = Box::pin(Setup::new(On::Memory).await.prepare()).await;
    let recorders = [
        (Stage::Recognition, system.sandbox.recognition_url()),
        (Stage::Verification, system.sandbox.verification_url()),
    ]
    .map(|(stage, url)| (stage, ProviderRecorder::before(&url)));
    system.config.recognition.url = recorders[0].1.url.clone();
    system.config.verification.url = recorders[1].1.url.clone();
    system.work().await;

    let mut runner = TestRunner::default();
    let (mut sent, mut is_answered) = (Vec::new(), 0);
    for number in 0..PICTURES {
        let sample = &samples::all()[number % samples::all().len()];
        let drawn = drawn().new_tree(&mut runner).unwrap().current();
        let (key, bytes) = (format!("{number}"), page(sample, &drawn));
        system.sandbox.put(BUCKET, &key, bytes).await.unwrap();
        let result = system.ask(&system.job(&key, &key)).await;
        let bodies = recorders.iter().flat_map(|(stage, recorder)| {
            let bodies = recorder.take_bodies();
            bodies.into_iter().map(|body| (*stage, picture_in(&body)))
        });
        let pictures: Vec<(Stage, Vec<u8>)> = bodies.collect();
        if result["status"] == "completed" {
            is_answered += 1;
        } else if result["status"] == "invalid_job" {
            let code = result["error"]["code"].as_str().unwrap();
            let is_right = ["image.too_small", "image.too_large"].contains(&code);
            assert!(is_right && pictures.is_empty(), "{drawn:?}: {result}");
        }
        for (stage, picture) in pictures {
            is_within_limits(stage, &picture);
            if drawn.is_legible_at(stage, sample) {
                sent.push((stage, drawn.clone(), code_text(sample), picture));
            }
        }
    }
    assert!(is_answered > PICTURES / 2, "{is_answered}");
    assert!(sent.len() > PICTURES, "{}", sent.len());

    let pictures = sent.iter().map(|(.., picture)| picture.as_slice());
    let read = read_again(pictures);
    assert_eq!(read.len(), sent.len());
    for ((stage, drawn, code, _), read) in sent.iter().zip(&read) {
        assert_eq!(read, code, "{stage:?} of {drawn:?}");
    }
}
