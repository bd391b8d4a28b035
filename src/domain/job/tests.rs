use super::*;
use crate::domain::content_encoding::tests::{gzip, zstd};
use proptest::prelude::*;

fn problem(body: &str) -> (String, String) {
    let rejected = Job::parse(body.as_bytes(), None)
        .err()
        .expect("a rejected job");
    (rejected.failure.code, rejected.failure.message.into())
}

#[test]
fn a_whole_job_is_read() {
    let body = br#"{"schema":"invoice.job/1","job_id":"CLM-1/1","image":{"bucket":"claims","key":"2026/a.jpg","version_id":null},
        "verify":false,"deadline":"2026-11-23T10:00:00+08:00","progress":true,"metadata":{"n": 1.50, "z":1, "a":2},"unknown":[1]}"#;
    let job = Job::parse(body, Some("ignored")).ok().unwrap();
    assert_eq!(job.id.as_str(), "CLM-1/1");
    assert_eq!(
        job.image,
        ImageRef::Object {
            bucket: Some("claims".into()),
            key: "2026/a.jpg".into(),
            version_id: None
        }
    );
    assert!(!job.verify);
    assert!(job.progress);
    assert_eq!(job.deadline.unwrap().to_string(), "2026-11-23T02:00:00Z");
    assert_eq!(
        job.metadata.unwrap().get(),
        r#"{"n": 1.50, "z":1, "a":2}"#,
        "metadata is echoed to the byte"
    );
}

#[test]
fn the_expectations_of_a_job_are_read() {
    let read = |expect: &str| {
        let body = format!(r#"{{"job_id":"j","image":{{"key":"a"}},"expect":{expect}}}"#);
        match Job::parse(body.as_bytes(), None) {
            Ok(job) => Ok(job.expect),
            Err(rejected) => Err(rejected.failure.message.into()),
        }
    };
    let whole = r#"{"patient_name":"张三","from":"2026-01-01","until":"2026-12-31","hospitals":["浙江医院"],
        "total_at_most":"1000.00","unknown":1}"#;
    let expected = Expectations {
        patient_name: Some("张三".to_owned()),
        from: Some(jiff::civil::date(2026, 1, 1)),
        until: Some(jiff::civil::date(2026, 12, 31)),
        hospitals: vec!["浙江医院".to_owned()],
        total_at_most: Some("1000.00".parse().unwrap()),
    };
    assert!(read(whole) == Ok(Some(expected)));
    assert!(read("null") == Ok(None));
    let limit = read(r#"{"total_at_most":1000.5,"patient_name":""}"#);
    let limit = limit.ok().flatten().unwrap();
    assert_eq!(limit.total_at_most, Some("1000.5".parse().unwrap()));
    assert_eq!(limit.patient_name, None);
    for (expect, says) in [
        ("[]", "expect is not a JSON object"),
        (r#"{"patient_name":1}"#, "expect.patient_name is not text"),
        (r#"{"from":"01/02/2026"}"#, "expect.from is not a date"),
        (r#"{"hospitals":"x"}"#, "expect.hospitals is not a list"),
        (
            r#"{"total_at_most":"much"}"#,
            "expect.total_at_most is not an amount",
        ),
        (
            r#"{"from":"2026-02-01","until":"2026-01-01"}"#,
            "expect.until is before expect.from",
        ),
    ] {
        let message: String = read(expect).err().unwrap();
        assert!(
            message.contains(says) && !message.contains("much"),
            "{message}"
        );
    }
}

#[test]
fn an_absent_field_has_its_default() {
    let job = Job::parse(br#"{"image":{"key":"a"}}"#, Some("message-7"))
        .ok()
        .unwrap();
    assert_eq!(
        job.id.as_str(),
        "message-7",
        "the AMQP message_id stands in"
    );
    assert!(job.verify);
    assert!(!job.progress);
    assert!(job.deadline.is_none() && job.metadata.is_none());
}

#[test]
fn every_mistake_is_named_with_its_field() {
    let long = "x".repeat(201);
    let cases = [
        (
            r#"{"job_id":"#.to_owned(),
            "job.malformed",
            "not JSON: line 1",
        ),
        ("[1]".to_owned(), "job.malformed", "the body is not"),
        (
            r#"{"job_id":7,"image":{"key":"a"}}"#.into(),
            "job.malformed",
            "job_id is not text",
        ),
        (
            r#"{"job_id":"","image":{"key":"a"}}"#.into(),
            "job.malformed",
            "job_id is missing",
        ),
        (
            format!(r#"{{"job_id":"{long}","image":{{"key":"a"}}}}"#),
            "job.malformed",
            "job_id has 201 bytes",
        ),
        (
            r#"{"image":{"key":"a"}}"#.into(),
            "job.malformed",
            "job_id is missing",
        ),
        (
            r#"{"job_id":"j"}"#.into(),
            "job.malformed",
            "image is missing",
        ),
        (
            r#"{"job_id":"j","image":"a.jpg"}"#.into(),
            "job.malformed",
            "image is not",
        ),
        (
            r#"{"job_id":"j","image":{}}"#.into(),
            "job.malformed",
            "neither key nor url",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a","url":"http://h/"}}"#.into(),
            "job.malformed",
            "both key and url",
        ),
        (
            r#"{"job_id":"j","image":{"key":""}}"#.into(),
            "job.malformed",
            "neither key nor url",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a\u0000"}}"#.into(),
            "job.malformed",
            "control character",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a"},"verify":"no"}"#.into(),
            "job.malformed",
            "verify is neither",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a"},"deadline":"tomorrow"}"#.into(),
            "job.malformed",
            "deadline is not an RFC 3339",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a"},"metadata":[]}"#.into(),
            "job.malformed",
            "metadata is not a JSON object",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a"},"metadata":{"n":1e999999}}"#.into(),
            "job.malformed",
            "metadata holds a number",
        ),
        (
            r#"{"job_id":"j","image":{"key":"a"},"metadata":{"n":"\ud800"}}"#.into(),
            "job.malformed",
            "metadata holds a number",
        ),
        (
            r#"{"job_id":"\ud800","image":{"key":"a"}}"#.into(),
            "job.malformed",
            "job_id is not text",
        ),
        (
            r#"{"job_id":"j","job_id":"k","image":{"key":"a"}}"#.into(),
            "job.malformed",
            "names a field twice",
        ),
        (
            r#"{"job_id":"j","schema":"invoice.job/2","image":{"key":"a"}}"#.into(),
            "job.unsupported_version",
            "invoice.job/1",
        ),
        (
            r#"{"job_id":"j","image":{"url":"ftp://h/a"}}"#.into(),
            "image.url_invalid",
            "neither http",
        ),
        (
            r#"{"job_id":"j","image":{"url":"a.jpg"}}"#.into(),
            "image.url_invalid",
            "not a URL",
        ),
    ];
    for (body, code, says) in cases {
        let (found, message) = problem(&body);
        assert_eq!(found, code, "{body}");
        assert!(message.contains(says), "{body}: {message}");
    }
}

#[test]
fn an_empty_text_is_as_absent() {
    let body = br#"{"schema":"","job_id":"","image":{"bucket":"","key":"a","version_id":"","url":""},"verify":"","deadline":"",
        "progress":"","metadata":""}"#;
    let job = Job::parse(body, Some("message-7")).ok().unwrap();
    assert_eq!(job.id.as_str(), "message-7");
    assert_eq!(
        job.image,
        ImageRef::Object {
            bucket: None,
            key: "a".into(),
            version_id: None
        }
    );
    assert!(job.verify && !job.progress && job.deadline.is_none() && job.metadata.is_none());
    assert!(Job::parse(br#"{"job_id":"","image":{"key":"a"}}"#, Some("")).is_err());
    assert!(
        Job::parse(
            br#"{"job_id":"j","image":{"key":"","url":"https://h/a.jpg","bucket":""}}"#,
            None
        )
        .is_ok()
    );
}

fn read(body: &[u8], content_encoding: Option<&str>, max_bytes: usize) -> Result<String, String> {
    let envelope = JobEnvelope {
        body,
        content_encoding,
        message_id: Some("message-7"),
    };
    match Job::read(&envelope, max_bytes) {
        Ok(job) => Ok(job.id.to_string()),
        Err(rejected) => {
            assert_eq!(rejected.failure.code, "job.malformed");
            assert!(rejected.metadata.is_none());
            assert_eq!(
                rejected.job_id.unwrap().as_str(),
                "message-7",
                "it can be answered all the same"
            );
            Err(rejected.failure.message.into())
        }
    }
}

#[test]
fn a_body_is_unpacked_and_its_byte_order_mark_passed_over() {
    let plain = br#"{"job_id":"j","image":{"key":"a"}}"#;
    let marked = [b"\xef\xbb\xbf".as_slice(), plain].concat();
    for (body, encoding) in [
        (plain.to_vec(), None),
        (marked.clone(), None),
        (plain.to_vec(), Some("")),
        (plain.to_vec(), Some("identity")),
        (plain.to_vec(), Some("UTF-8")),
        (gzip(plain), Some("gzip")),
        (gzip(&marked), Some(" GZIP ")),
        (zstd(plain), Some("zstd")),
        (zstd(&gzip(plain)), Some("gzip, zstd")),
        (plain.to_vec(), Some("gzip")),
    ] {
        assert_eq!(
            read(&body, encoding, 100),
            Ok("j".to_owned()),
            "{encoding:?}"
        );
    }
}

#[test]
fn a_body_that_cannot_be_read_is_named_by_what_is_wrong_with_it() {
    let plain = br#"{"job_id":"j","image":{"key":"a"}}"#.to_vec();
    let deep = |levels: usize| {
        let metadata = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"job_id":"j","image":{{"key":"a"}},"metadata":{{"a":{metadata}}}}}"#)
            .into_bytes()
    };
    let utf16: Vec<u8> = String::from_utf8_lossy(&plain)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        read(&deep(62), None, 1 << 20),
        Ok("j".to_owned()),
        "64 levels with the two around it"
    );
    let bomb = gzip(&vec![b' '; 10 << 20]);
    for (body, encoding, max_bytes, says) in [
        (deep(63), None, 1 << 20, "more than 64 levels"),
        (deep(120_000), None, 1 << 20, "more than 64 levels"),
        (
            plain.clone(),
            None,
            10,
            "larger than 10 bytes, the limit set by worker.max_job_bytes",
        ),
        (
            bomb,
            Some("gzip"),
            1 << 20,
            "larger than 1048576 bytes once unpacked, the limit set by worker.max_job_bytes",
        ),
        (
            gzip(&plain)[..30].to_vec(),
            Some("gzip"),
            100,
            "content_encoding is \"gzip\", and the body is not a complete stream of it",
        ),
        (
            plain.clone(),
            Some("gzip, compress"),
            100,
            "content_encoding is \"compress\"",
        ),
        (
            plain.clone(),
            Some("gbk"),
            100,
            "content_encoding is \"gbk\"",
        ),
        (gzip(&plain), None, 100, "looks like gzip"),
        (utf16, None, 100, "UTF-16"),
        (b"{\"\xd6\xd0".to_vec(), None, 100, "not UTF-8 from byte 2"),
    ] {
        let problem = read(&body, encoding, max_bytes).unwrap_err();
        assert!(problem.contains(says), "{says}: {problem}");
    }
}

#[test]
fn a_rejected_job_keeps_what_could_be_read_of_it() {
    let rejected = Job::parse(br#"{"job_id":"j","image":7,"metadata":{"claim":1}}"#, None)
        .err()
        .unwrap();
    assert_eq!(rejected.job_id.unwrap().as_str(), "j");
    assert_eq!(rejected.metadata.unwrap().get(), r#"{"claim":1}"#);
}

#[test]
fn errors_never_echo_a_value() {
    let (_, message) = problem(r#"{"job_id":"j","image":{"key":"a"},"verify":"Zhang San 110101"}"#);
    assert!(!message.contains("Zhang"), "{message}");
}

#[test]
fn a_url_is_percent_encoded_as_the_providers_ask() {
    let job = Job::parse(
        r#"{"job_id":"j","image":{"url":"https://h/票据 1.jpg?a=1"}}"#.as_bytes(),
        None,
    )
    .ok()
    .unwrap();
    let ImageRef::Url(url) = job.image else {
        panic!("a url")
    };
    assert_eq!(url.as_str(), "https://h/%E7%A5%A8%E6%8D%AE%201.jpg?a=1");
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = Job::parse(&body, None);
    }

    #[test]
    fn no_nesting_makes_the_parser_panic(depth in 0_usize..100_000) {
        let body = format!(r#"{{"job_id":"j","image":{{"key":"a"}},"metadata":{{"a":{}"#, "[".repeat(depth));
        let _ = Job::parse(body.as_bytes(), None);
    }
}
