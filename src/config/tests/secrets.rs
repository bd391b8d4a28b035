//! Secrets, and files that hold them.

use super::*;

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let (_folder, path) = file("from the file\n");
    let text = format!("[recognition]\napp_secret_file = \"{}\"", path.display());
    assert_eq!(
        load(&text, &[]).unwrap().recognition.app_secret.expose(),
        "from the file"
    );
    let twice = load(&format!("{text}\napp_secret = \"here\""), &[])
        .unwrap_err()
        .to_string();
    assert!(
        twice.contains("recognition.app_secret: given twice"),
        "{twice}"
    );
    let replaced = load(
        &text,
        &[(
            "INVOICE_WORKER__RECOGNITION__APP_SECRET",
            "from the environment",
        )],
    )
    .unwrap();
    assert_eq!(
        replaced.recognition.app_secret.expose(),
        "from the environment"
    );
    let missing = load("[recognition]\napp_secret_file = \"/nowhere/secret\"", &[])
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("recognition.app_secret_file: /nowhere/secret: cannot be read"),
        "{missing}"
    );
}

#[test]
fn a_secret_file_loses_one_line_break_and_anything_else_around_the_secret_is_reported() {
    for (text, expected) in [
        ("word", Ok("word")),
        ("word\n", Ok("word")),
        ("word\r\n", Ok("word")),
        ("word\n\n", Err("ends with a line break")),
        ("word \n", Err("begins or ends with a blank")),
        (" word", Err("begins or ends with a blank")),
        ("two\nlines\n", Err("has a line break in it")),
        ("\u{feff}word\n", Err("byte order mark")),
        ("", Err("is empty")),
        ("\n", Err("is empty")),
    ] {
        let (_folder, path) = file(text);
        let path = path.display().to_string();
        for key in [
            "storage.access_key_id",
            "recognition.app_code",
            "verification.api_secret",
            "http.proxy",
        ] {
            let (section, key) = key.split_once('.').unwrap();
            let loaded = load(&format!("[{section}]\n{key}_file = \"{path}\""), &[]);
            match (loaded, expected) {
                (Ok(config), Ok(secret)) => {
                    let secrets = [
                        &config.storage.access_key_id,
                        &config.recognition.app_code,
                        &config.verification.api_secret,
                        &config.http.proxy,
                    ];
                    assert!(
                        secrets.iter().any(|read| read.expose() == secret),
                        "{text:?}: {key}"
                    );
                }
                (Err(error), Err(says)) => {
                    let told = error.to_string();
                    assert!(
                        told.contains(says)
                            && told.contains(&path)
                            && told.contains(&format!("line 2: {section}.{key}_file")),
                        "{told}"
                    );
                    assert!(!told.contains("word"), "{told}");
                }
                (loaded, expected) => panic!("{text:?}: {expected:?}, found {loaded:?}"),
            }
        }
    }
}

#[test]
fn a_secret_from_a_file_that_no_header_can_carry_is_reported_with_its_file() {
    let (_folder, path) = file("wörd\n");
    let variable = (
        "INVOICE_WORKER__STORAGE__ACCESS_KEY_ID_FILE",
        path.to_str().unwrap(),
    );
    let error = load(USABLE, &[variable])
        .unwrap()
        .validate()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!(
            "{}: storage.access_key_id: has blanks or characters beyond ASCII",
            path.display()
        )),
        "{error}"
    );
}

#[test]
fn a_secret_that_init_could_not_know_is_warned_of() {
    let (_folder, path) = file("replace-this\n");
    let path = path.to_str().unwrap();
    for key in [
        "storage.access_key_id",
        "storage.secret_access_key",
        "recognition.app_key",
        "recognition.app_secret",
        "recognition.app_code",
        "verification.api_id",
        "verification.api_secret",
    ] {
        let (section, name) = key.split_once('.').unwrap();
        let heading = format!("[{section}]\n");
        let text = USABLE.replace(&heading, &format!("{heading}{name}_file = \"{path}\"\n"));
        let plain = format!("{name} = ");
        let lines = text.lines().filter(|line| !line.starts_with(&plain));
        let text = lines.collect::<Vec<_>>().join("\n");
        let warnings = load(&text, &[]).unwrap().warnings();
        let is_told =
            |(about, text): (&str, &str)| about == key && text.contains("\"replace-this\"");
        assert!(warnings.iter().any(is_told), "{key}");
    }
}

#[test]
fn broker_urls_may_stand_in_a_file_of_their_own() {
    let (_folder, path) = file("amqp://a:b@one\n\n amqp://a:b@two \n");
    let config = load(
        &format!("[broker]\nurls_file = \"{}\"", path.display()),
        &[],
    )
    .unwrap();
    let urls: Vec<&str> = config
        .broker
        .urls
        .iter()
        .map(crate::settings::secret::Secret::expose)
        .collect();
    assert_eq!(urls, ["amqp://a:b@one", "amqp://a:b@two"]);
}

#[test]
fn debugging_a_configuration_shows_no_secret() {
    let text = USABLE.replace("\"secret\"", "\"hush\"");
    let shown = format!(
        "{:?}",
        load(
            &text,
            &[("INVOICE_WORKER__BROKER__URLS", r#"["amqp://u:hush@h"]"#)]
        )
        .unwrap()
    );
    assert!(!shown.contains("hush"), "{shown}");
}
