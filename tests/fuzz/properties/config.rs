//! The configuration file: an operator's, with secrets in it.

use super::PERSONAL;
use invoice_worker::config::Config;

/// Files that break off within a secret.
const BEGINNINGS: [&str; 4] = [
    "[recognition]\napp_secret = \"",
    "[recognition]\napp_key = '''",
    "[verification]\nrate_per_second = 3\napi_secret = \"",
    "[broker]\nurls = [\"amqp://guest:",
];

/// What is read is written as something that is read alike; a mistake is told, each in a line, and
/// no message shows a secret.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Config::parse(&text, "worker.toml") {
        Ok(config) => {
            let _ = config.validate();
            let Ok(written) = toml::to_string(&config) else {
                panic!("it cannot be written")
            };
            let again = Config::parse(&written, "worker.toml")
                .unwrap_or_else(|error| panic!("not read again: {error}"));
            assert_eq!(toml::to_string(&again), Ok(written));
        }
        Err(error) => {
            let told = error.to_string();
            let (heading, mistakes) = match told.split_once(" problems in the configuration:\n") {
                Some((heading, mistakes)) => (Some(heading), mistakes),
                None => (None, told.as_str()),
            };
            let lines: Vec<&str> = mistakes.lines().collect();
            let are_located = lines
                .iter()
                .all(|line| line.starts_with("worker.toml, line "));
            assert!(are_located, "{told}");
            let count = heading.map_or(Ok(1), str::parse::<usize>);
            assert_eq!(count, Ok(lines.len()), "{told}");
        }
    }
    for beginning in BEGINNINGS {
        let told = match Config::parse(&format!("{beginning}{PERSONAL}{text}"), "worker.toml") {
            Ok(config) => format!("{config:?}\n{:?}", config.validate()),
            Err(error) => error.to_string(),
        };
        assert!(
            text.contains(PERSONAL) || !told.contains(PERSONAL),
            "behind {beginning:?}: {told}"
        );
    }
}
