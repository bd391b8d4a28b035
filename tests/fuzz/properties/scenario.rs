//! A scenario file of `policy test`.

use super::{lines, names_its_line};
use invoice_worker::dev::simulation::PolicyScenario;
use std::collections::HashSet;

/// Scenarios have names of their own and stand where they say; a mistake is told with its line, in
/// one.
pub fn scenario(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match PolicyScenario::parse(&text, "scenario.toml") {
        Ok(scenarios) => {
            let names: HashSet<&str> = scenarios
                .iter()
                .map(|scenario| scenario.name.as_str())
                .collect();
            assert_eq!(names.len(), scenarios.len());
            assert!(
                scenarios
                    .iter()
                    .all(|scenario| (1..=lines(&text)).contains(&scenario.line))
            );
        }
        Err(error) => names_its_line(&error, &text, "scenario.toml"),
    }
}
