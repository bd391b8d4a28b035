//! Objects that are stored with a `Content-Encoding`.

use super::{LIMIT, Server, Shelf};
use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use invoice_worker::store::ReadError;
use std::io::Write;

/// `a picture, a picture, a picture`, as Node's zlib compresses it.
const BROTLI_PICTURE: &str = "1b1e00f825c2aa91612a809e248802";

promises![
    an_object_that_is_packed_is_read_unpacked_and_within_the_limit,
    an_encoding_that_is_not_read_is_named,
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn put(shelf: &Shelf, key: &str, encoding: &str, bytes: Vec<u8>) {
    let put = shelf
        .client
        .put_object()
        .bucket(&shelf.config.bucket)
        .key(key)
        .content_encoding(encoding);
    put.body(ByteStream::from(bytes)).send().await.unwrap();
}

async fn an_object_that_is_packed_is_read_unpacked_and_within_the_limit(server: Server) {
    let shelf = Shelf::new(server).await;
    let picture: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    put(&shelf, "a.jpg", "gzip", gzip(&picture)).await;
    let object = shelf
        .store
        .open(&shelf.config.bucket, "a.jpg", None)
        .await
        .unwrap();
    assert_eq!(
        (object.is_packed, object.length, object.size),
        (true, None, None)
    );
    let mut seen = Vec::new();
    assert_eq!(
        object
            .read(LIMIT, |chunk| seen.extend_from_slice(chunk))
            .await
            .unwrap(),
        picture
    );
    assert!(seen == picture, "what is hashed is the image");

    let first = shelf
        .store
        .open_first(&shelf.config.bucket, "a.jpg", None, 100)
        .await
        .unwrap();
    assert_eq!(first.size, None, "of the image nothing is known by then");
    assert_eq!(first.read_first(100).await.unwrap().len(), 100);

    put(&shelf, "bomb.jpg", "gzip", gzip(&vec![0; 64 << 20])).await;
    let bomb = shelf
        .store
        .open(&shelf.config.bucket, "bomb.jpg", None)
        .await
        .unwrap();
    assert!(matches!(
        bomb.read(LIMIT, |_| ()).await,
        Err(ReadError::TooLarge)
    ));

    let packed = [
        ("br.jpg", "br", hex::decode(BROTLI_PICTURE).unwrap()),
        (
            "both.jpg",
            "br, gzip",
            gzip(&hex::decode(BROTLI_PICTURE).unwrap()),
        ),
    ];
    for (key, encodings, bytes) in packed {
        put(&shelf, key, encodings, bytes).await;
        assert_eq!(
            shelf.read(key, None).await,
            b"a picture, a picture, a picture"[..],
            "{key}"
        );
    }

    put(&shelf, "plain.jpg", "gzip", picture.clone()).await;
    assert_eq!(
        shelf.read("plain.jpg", None).await,
        picture,
        "as a store hands it over that unpacks and leaves the header"
    );

    put(&shelf, "cut.jpg", "gzip", gzip(&picture)[..1_000].to_vec()).await;
    let cut = shelf
        .store
        .open(&shelf.config.bucket, "cut.jpg", None)
        .await
        .unwrap();
    let Err(ReadError::Failed(failure)) = cut.read(LIMIT, |_| ()).await else {
        panic!("it is incomplete")
    };
    assert_eq!(failure.code, "image.corrupt");
}

async fn an_encoding_that_is_not_read_is_named(server: Server) {
    let shelf = Shelf::new(server).await;
    put(&shelf, "a.jpg", "compress", b"a picture".to_vec()).await;
    let failure = shelf
        .store
        .open(&shelf.config.bucket, "a.jpg", None)
        .await
        .unwrap_err();
    assert_eq!(failure.code, "image.unsupported_format");
    assert!(failure.message.contains("\"compress\""), "{failure}");
}
