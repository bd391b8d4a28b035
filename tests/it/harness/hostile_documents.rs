//! PDF documents that are made to harm who draws them, and such as are merely broken.

use super::pdf_file::{
    WrittenPage, deflated_noughts, image_object, pdf, squares, stream, whole_page,
};
use super::picture::code_of;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A document, and what is wrong with it.
pub(crate) struct HostileDocument {
    pub(crate) what: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// So many documents. Those that take all of their time or memory are few: they cost seconds each.
pub(crate) fn hostile_documents(seed: u64, count: usize) -> Vec<HostileDocument> {
    let mut random = StdRng::seed_from_u64(seed);
    let code = squares(&code_of("01-beijing-outpatient", 1));
    let sound = pdf(&[WrittenPage::plain(code)], &[]);
    let mut documents = vec![
        ("forms in forms without end", nested_forms()),
        ("an image that unpacks to 700 MB", packed_twice()),
        ("a dash shorter than any pixel", fine_dash()),
        ("an image of 30,000 x 30,000 pixels", vast_image()),
    ];
    while documents.len() < count {
        let (what, bytes) = match documents.len() % 6 {
            0 => (
                "cut off",
                sound[..random.random_range(9..sound.len() - 60)].to_vec(),
            ),
            1 => ("nothing but a header", b"%PDF-1.7\n%%EOF".to_vec()),
            2 => ("a page tree that is a circle", circle()),
            3 => ("noise with a header", noise(&mut random)),
            4 => ("no page", pdf(&[], &[])),
            _ => (
                "a password",
                include_bytes!("../../data/documents/user-password.pdf").to_vec(),
            ),
        };
        documents.push((what, bytes));
    }
    let named = |(what, bytes)| HostileDocument { what, bytes };
    documents.into_iter().map(named).collect()
}

/// Each form shows the next one four times.
fn nested_forms() -> Vec<u8> {
    const FORMS: usize = 30;
    let form = |number: usize| {
        let next = number + 1;
        stream(
            &format!(
                "/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</I {next} 0 R>>>>"
            ),
            b"/I Do /I Do /I Do /I Do",
        )
    };
    let mut forms: Vec<Vec<u8>> = (5..5 + FORMS).map(form).collect();
    forms.push(stream(
        "/Type/XObject/Subtype/Form/BBox[0 0 1 1]",
        b"0 0 1 1 re f",
    ));
    pdf(&[whole_page("")], &forms)
}

fn packed_twice() -> Vec<u8> {
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write as _;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&deflated_noughts(700)).unwrap();
    let data = encoder.finish().unwrap();
    let entries = "/ColorSpace/DeviceGray/Filter[/FlateDecode/FlateDecode]";
    pdf(
        &[whole_page("")],
        &[image_object((30_000, 23_000), entries, &data)],
    )
}

fn fine_dash() -> Vec<u8> {
    let content = "[0.0000001 0.0000001] 0 d 100 w 0 0 m 100000 100000 l S";
    pdf(&[WrittenPage::plain(content)], &[])
}

fn vast_image() -> Vec<u8> {
    let entries = "/ColorSpace/DeviceRGB/Filter/FlateDecode";
    let data = deflated_noughts(2_600);
    pdf(
        &[whole_page("")],
        &[image_object((30_000, 30_000), entries, &data)],
    )
}

fn circle() -> Vec<u8> {
    b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
      2 0 obj<</Type/Pages/Count 1/Kids[2 0 R]>>endobj\n\
      trailer<</Size 3/Root 1 0 R>>\nstartxref\n0\n%%EOF\n"
        .to_vec()
}

fn noise(random: &mut StdRng) -> Vec<u8> {
    let noise: Vec<u8> = (0..20_000).map(|_| random.random()).collect();
    [&b"%PDF-1.4\n"[..], &noise, b"\n%%EOF\n"].concat()
}
