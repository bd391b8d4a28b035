//! The first bytes of an object, and addresses by which somebody else reads it.

use super::{Server, Shelf};
use std::time::Duration;

promises![
    the_first_bytes_say_the_size_of_the_whole,
    an_object_without_bytes_has_no_first_ones,
    an_address_is_all_that_is_needed,
    an_address_names_its_version,
];

async fn the_first_bytes_say_the_size_of_the_whole(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.put("a.jpg", &[7; 1_000]).await;
    for (asked, length) in [(100, 100), (1_000, 1_000), (5_000, 1_000)] {
        let object = shelf
            .store
            .open_first(&shelf.config.bucket, "a.jpg", None, asked)
            .await
            .unwrap();
        assert_eq!(
            (object.length, object.size),
            (Some(length), Some(1_000)),
            "{asked}"
        );
        assert!(object.revision.etag.is_some());
        assert_eq!(object.read_first(asked).await.unwrap().len() as u64, length);
    }
}

async fn an_object_without_bytes_has_no_first_ones(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.put("empty.jpg", b"").await;
    let object = shelf
        .store
        .open_first(&shelf.config.bucket, "empty.jpg", None, 100)
        .await
        .unwrap();
    assert_eq!(object.size, Some(0));
    assert!(object.read_first(100).await.unwrap().is_empty());
}

async fn an_address_is_all_that_is_needed(server: Server) {
    let shelf = Shelf::new(server).await;
    let key = "2026/11/收据 a+b.jpg";
    shelf.put(key, b"a picture").await;
    let address = shelf
        .store
        .presign(&shelf.config.bucket, key, None, Duration::from_secs(90))
        .await
        .unwrap();
    assert!(
        address.is_ascii() && address.contains("X-Amz-Expires=90"),
        "{address}"
    );
    assert_eq!(
        reqwest::get(&address).await.unwrap().bytes().await.unwrap(),
        "a picture"
    );
}

async fn an_address_names_its_version(server: Server) {
    let shelf = Shelf::new(server).await;
    shelf.keep_versions(server).await;
    let first = shelf.put("a.jpg", b"first").await;
    shelf.put("a.jpg", b"second").await;
    assert!(first.is_some());
    let address = shelf
        .store
        .presign(
            &shelf.config.bucket,
            "a.jpg",
            first.as_deref(),
            Duration::from_secs(90),
        )
        .await
        .unwrap();
    assert_eq!(
        reqwest::get(&address).await.unwrap().bytes().await.unwrap(),
        "first"
    );
}

#[tokio::test]
async fn a_bucket_says_whether_it_keeps_versions() {
    let shelf = Shelf::new(Server::Moto).await;
    shelf.put("a.jpg", b"first").await;
    assert!(
        !shelf
            .store
            .keeps_versions(&shelf.config.bucket, "a.jpg")
            .await
            .unwrap()
    );
    shelf.keep_versions(Server::Moto).await;
    // From before there were any.
    assert!(
        !shelf
            .store
            .keeps_versions(&shelf.config.bucket, "a.jpg")
            .await
            .unwrap()
    );
    shelf.put("a.jpg", b"second").await;
    assert!(
        shelf
            .store
            .keeps_versions(&shelf.config.bucket, "a.jpg")
            .await
            .unwrap()
    );
}
