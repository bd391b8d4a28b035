//! The table, from TOML to rules that need no further checking.

use super::means::{self, WrittenMeaning, WrittenStreak};
use super::registry_words::{self, WrittenWords};
use super::steps::{self, WrittenStep};
use super::streak::StreakRules;
use super::values::named;
use super::vocabulary::Vocabulary;
use super::{
    Billed, Billing, Policy, Rule, ScopeKind, Stage, Step, VendorName, When, codes, merge, reach,
};
use crate::domain::registry_words::RegistryWords;
use crate::settings::located::{FileError, Problem, Source};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use toml::Spanned;

const BUILTIN: &str = include_str!("../../config/error-codes.toml");
/// Several times what there are codes: a longer file is not a policy.
const MAX_RULES: usize = 500;

impl Policy {
    /// The policy that is compiled in.
    ///
    /// # Panics
    /// When our own table is wrong: a test reads it.
    pub fn builtin() -> Self {
        // Read once: an override of some of it needs it again.
        static READ: LazyLock<Policy> = LazyLock::new(|| {
            let source = Source::new(BUILTIN, "config/error-codes.toml");
            let words = registry_words::builtin();
            let table = parse(source, None, None, &StreakRules::new(), &words)
                .unwrap_or_else(|problem| panic!("{}", source.error(problem)));
            let rules = table.rules.into_iter().map(|located| located.rule);
            Policy {
                rules: merge::with_ids(rules.collect()),
                streaks: Arc::new(table.streaks),
                registry_words: words,
            }
        });
        READ.clone()
    }

    /// The built-in policy with the rules of `text` in place of those with the same stage, code and
    /// `when`.
    ///
    /// Words of the registry come behind the built-in ones.
    ///
    /// A code that the built-in policy does not name comes before the patterns that would catch it.
    /// `file` is only for the error.
    pub fn with_overrides(text: &str, file: &str) -> Result<Self, FileError> {
        let builtin = Self::builtin();
        let source = Source::new(text, file);
        let vocabulary = Vocabulary(&builtin.rules);
        let words = &builtin.registry_words;
        let table = parse(source, None, Some(&vocabulary), &builtin.streaks, words)
            .map_err(|problem| source.error(problem))?;
        let overrides = forbid_success(table.rules).map_err(|problem| source.error(problem))?;
        let overrides = overrides.into_iter().map(|located| located.rule).collect();
        Ok(Self {
            rules: merge::merge(builtin.rules, overrides),
            streaks: Arc::new(table.streaks),
            registry_words: Arc::new(table.registry_words),
        })
    }

    /// This policy, and what the codes of one more vendor mean. Nothing but `table` is asked about
    /// them; what happens on the wire is decided as with the other vendors of the stage, where
    /// `table` says nothing else.
    ///
    /// # Errors
    /// Says in which line the table is wrong. What counts as a row of failures is not its matter.
    pub fn with_vendor(self, vendor: VendorName, table: &str) -> Result<Self, FileError> {
        let file = format!("the codes of {vendor}");
        let source = Source::new(table, &file);
        let words = &self.registry_words;
        let table = parse(source, Some(vendor), None, &self.streaks, words)
            .map_err(|problem| source.error(problem))?;
        if table.streaks != *self.streaks {
            let problem = "rows of failures are counted alike for all vendors".to_owned();
            return Err(source.error(Problem::new(&(0..0), problem)));
        }
        let rules = table.rules.into_iter().map(|located| located.rule);
        Ok(Self {
            rules: [merge::with_ids(rules.collect()), self.rules].concat(),
            registry_words: Arc::new(table.registry_words),
            ..self
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    #[serde(default)]
    streak: BTreeMap<Spanned<String>, WrittenStreak>,
    #[serde(default)]
    rule: Vec<Spanned<WrittenRule>>,
    #[serde(default)]
    registry_word: Vec<WrittenWords>,
}

/// What a text says, without ids.
struct ParsedTable {
    rules: Vec<Located>,
    streaks: StreakRules,
    registry_words: RegistryWords,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    stage: Spanned<String>,
    code: Spanned<Vec<Spanned<String>>>,
    when: Option<Spanned<When>>,
    r#do: Spanned<Vec<Spanned<WrittenStep>>>,
    scope: Option<Spanned<String>>,
    billed: Option<Spanned<String>>,
    #[serde(default)]
    means: Vec<Spanned<WrittenMeaning>>,
    #[serde(default)]
    reason: String,
}

struct Located {
    rule: Rule,
    place: Range<usize>,
    /// The line in which it begins, for people.
    line: usize,
}

/// Rules without ids, each of which can be reached: `vendor`'s, or those of each stage's usual
/// vendor. The built-in table has no vocabulary: it is one. `streaks` and `words` are as they are
/// where the text does not say otherwise.
fn parse(
    source: Source<'_>,
    vendor: Option<VendorName>,
    vocabulary: Option<&Vocabulary>,
    streaks: &StreakRules,
    words: &RegistryWords,
) -> Result<ParsedTable, Problem> {
    let table: WrittenTable = source.parse()?;
    let streaks = means::lift_streaks(table.streak, streaks)?;
    let registry_words = registry_words::lift(table.registry_word, words)?;
    if table.rule.len() > MAX_RULES {
        return Err(Problem::new(
            &table.rule[MAX_RULES].span(),
            format!("more than {MAX_RULES} rules"),
        ));
    }
    let mut rules: Vec<Located> = Vec::with_capacity(table.rule.len());
    for written in table.rule {
        let place = written.span();
        let located = Located {
            rule: written.into_inner().lift(vendor, vocabulary)?,
            line: source.line(&place),
            place,
        };
        if let Some(problem) = unreachable(&located.rule, &rules) {
            return Err(Problem::new(&located.place, problem));
        }
        rules.push(located);
    }
    Ok(ParsedTable {
        rules,
        streaks,
        registry_words,
    })
}

impl WrittenRule {
    fn lift(
        self,
        vendor: Option<VendorName>,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<Rule, Problem> {
        let stages = [
            ("storage", Stage::Storage),
            ("recognition", Stage::Recognition),
            ("verification", Stage::Verification),
        ];
        let scopes = [
            ("none", ScopeKind::None),
            ("province", ScopeKind::Province),
            ("bill", ScopeKind::Bill),
            ("stage", ScopeKind::Stage),
        ];
        let stage = named(&self.stage, "stage", &stages)?;
        let scope = self
            .scope
            .as_ref()
            .map_or(Ok(ScopeKind::None), |scope| named(scope, "scope", &scopes))?;
        if let (
            Some(written),
            ScopeKind::Province | ScopeKind::Bill,
            Stage::Storage | Stage::Recognition,
        ) = (&self.scope, scope, stage)
        {
            return Err(Problem::new(
                &written.span(),
                "province and bill are not known before verification".to_owned(),
            ));
        }
        let billings = [
            Billing::Fixed(Billed::Yes),
            Billing::Fixed(Billed::No),
            Billing::Fixed(Billed::Unknown),
            Billing::With2xx,
        ]
        .map(|billing| (billing.as_str(), billing));
        let billed = self
            .billed
            .as_ref()
            .map_or(Ok(Billing::Fixed(Billed::Unknown)), |billed| {
                named(billed, "value of billed", &billings)
            })?;
        let vendor = vendor.unwrap_or(VendorName::usual(stage));
        let codes = names(&self.code, stage, vocabulary)?;
        let when = self
            .when
            .map_or(Ok(When::default()), |when| conditions(when, stage))?;
        let steps = steps::lift(self.r#do, stage, vendor, &codes)?;
        let means = means::lift(self.means, stage, &codes)?;
        if let (Some(written), true) = (&self.scope, scope != ScopeKind::None)
            && !steps
                .iter()
                .any(|step| matches!(step, Step::Park { .. } | Step::NextDay { .. }))
        {
            return Err(Problem::new(
                &written.span(),
                "a scope is closed for as long as a job waits: this rule has no wait".to_owned(),
            ));
        }
        Ok(Rule {
            id: String::new(),
            stage,
            vendor,
            codes,
            when,
            steps,
            scope,
            billed,
            means,
            reason: self.reason,
            overridden: false,
        })
    }
}

fn names(
    written: &Spanned<Vec<Spanned<String>>>,
    stage: Stage,
    vocabulary: Option<&Vocabulary>,
) -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    let check = |name: String| {
        vocabulary
            .map_or(Ok(()), |vocabulary| vocabulary.check(stage, &name))
            .map(|()| name)
    };
    for code in written.get_ref() {
        let name = codes::parse(code.get_ref())
            .and_then(check)
            .map_err(|problem| Problem::new(&code.span(), problem))?;
        if names.contains(&name) {
            return Err(Problem::new(
                &code.span(),
                format!("{name:?} is named twice"),
            ));
        }
        names.push(name);
    }
    if names.is_empty() {
        Err(Problem::new(&written.span(), "no code".to_owned()))
    } else {
        Ok(names)
    }
}

fn conditions(written: Spanned<When>, stage: Stage) -> Result<When, Problem> {
    let place = written.span();
    let when = written.into_inner();
    let asks_about_the_bill = when.bill_age_days_min.is_some()
        || when.bill_age_days_max.is_some()
        || when.bill_date_known.is_some();
    let asks_verification = asks_about_the_bill
        || when.qr_code_found.is_some()
        || when.rotated.is_some()
        || when.same_code_before_rotation.is_some();
    let impossible = if asks_verification && stage != Stage::Verification {
        Some("QR code, bill and rotation are known to verification only")
    } else if when.nothing_read.is_some() && stage != Stage::Recognition {
        Some("`nothing_read` is known to recognition only")
    } else if when.transfer.is_some() && stage == Stage::Storage {
        Some("`transfer` is how an image is handed to a provider")
    } else if when
        .bill_age_days_min
        .zip(when.bill_age_days_max)
        .is_some_and(|(min, max)| min > max)
    {
        Some("`bill_age_days_min` is above `bill_age_days_max`")
    } else if when.bill_date_known == Some(false)
        && (when.bill_age_days_min.is_some() || when.bill_age_days_max.is_some())
    {
        Some("a bill without a known date has no age")
    } else if when.rotated == Some(false) && when.same_code_before_rotation == Some(true) {
        Some("a job that was not rotated has no answer before that")
    } else if when
        .http_status
        .iter()
        .any(|status| !(100..=599).contains(status))
    {
        Some("`http_status` is a list of numbers from 100 to 599")
    } else if when.message_contains.as_ref().is_some_and(String::is_empty) {
        Some("every message contains nothing: leave `message_contains` out")
    } else {
        None
    };
    impossible.map_or(Ok(when), |problem| {
        Err(Problem::new(&place, problem.to_owned()))
    })
}

/// Why a code of this rule is always taken by earlier ones.
fn unreachable(rule: &Rule, earlier: &[Located]) -> Option<String> {
    rule.codes.iter().find_map(|code| {
        let catching = earlier
            .iter()
            .filter(|located| located.rule.catches(rule.vendor, rule.stage, code));
        let catching: Vec<(usize, &When)> = catching
            .map(|located| (located.line, &located.rule.when))
            .collect();
        let lines: Vec<String> = reach::taken_by(&rule.when, &catching)?
            .iter()
            .map(usize::to_string)
            .collect();
        let takers = match lines.as_slice() {
            [line] => format!("the rule in line {line} takes"),
            lines => format!("the rules in lines {} take", lines.join(", ")),
        };
        Some(format!(
            "{} {code:?} is never reached: {takers} it",
            rule.stage
        ))
    })
}

fn forbid_success(overrides: Vec<Located>) -> Result<Vec<Located>, Problem> {
    let success = |located: &&Located| {
        located
            .rule
            .codes
            .iter()
            .any(|code| codes::may_be_success(located.rule.vendor, code))
    };
    match overrides.iter().find(success) {
        None => Ok(overrides),
        Some(located) => {
            let problem = format!(
                "what a good answer of {} means cannot be overridden",
                located.rule.stage
            );
            Err(Problem::new(&located.place, problem))
        }
    }
}
