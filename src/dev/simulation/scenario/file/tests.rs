use super::*;

const SCENARIO: &str = "[[scenario]]\nname = 'x'\n";
const EXPECT: &str = "expect = { paid = 2 }\n";

fn refused(text: &str) -> String {
    PolicyScenario::parse(text, "bad.toml")
        .expect_err(text)
        .to_string()
}

#[test]
fn an_empty_scenario_is_one_job_that_gets_good_answers() {
    let scenario = PolicyScenario::parse(&format!("{SCENARIO}{EXPECT}"), "one.toml")
        .unwrap()
        .remove(0);
    assert_eq!(
        (
            scenario.jobs.len(),
            scenario.workers,
            scenario.answers.len()
        ),
        (1, 1, 0)
    );
    assert_eq!(
        (
            scenario.jobs[0].id.as_str(),
            scenario.jobs[0].province.as_deref()
        ),
        ("job", Some("浙江"))
    );
    assert_eq!(
        (scenario.job_deadline, scenario.stop_after),
        (DEFAULT_JOB_DEADLINE, LONGEST)
    );
}

#[test]
fn jobs_of_a_crowd_are_numbered_and_come_one_after_the_other() {
    let text = format!(
        "{SCENARIO}{EXPECT}[[scenario.job]]\nid = 'a'\nat = '1m'\nrepeat = 3\nevery = '10s'\nprovince = ''\n"
    );
    let jobs = PolicyScenario::parse(&text, "one.toml")
        .unwrap()
        .remove(0)
        .jobs;
    let told: Vec<_> = jobs
        .iter()
        .map(|job| (job.id.as_str(), job.image.as_str(), job.at.as_secs()))
        .collect();
    assert_eq!(
        told,
        [("a-1", "a-1", 60), ("a-2", "a-2", 70), ("a-3", "a-3", 80)]
    );
    assert!(jobs.iter().all(|job| job.province.is_none()));
}

#[test]
fn an_expectation_of_one_job_goes_before_one_of_many() {
    let text = format!(
        "{SCENARIO}[[scenario.job]]\nid = 'a'\nrepeat = 12\n[scenario.expect]\n\
             ends = {{ '*' = 'waiting', 'a-1*' = 'completed genuine', a-11 = 'invalid_job x' }}"
    );
    let ends = PolicyScenario::parse(&text, "one.toml")
        .unwrap()
        .remove(0)
        .expect
        .ends
        .unwrap();
    let told = ["a-2", "a-1", "a-11", "a-12"].map(|job| ends.of(job).unwrap().as_str());
    assert_eq!(
        told,
        [
            "waiting",
            "completed genuine",
            "invalid_job x",
            "completed genuine"
        ]
    );
}

#[test]
fn a_mistake_is_reported_with_file_and_line() {
    let job = format!("{SCENARIO}{EXPECT}[[scenario.job]]\n");
    let answer = format!("{SCENARIO}{EXPECT}[[scenario.answer]]\nstage = 'verification'\n");
    let expect = format!("{SCENARIO}[scenario.expect]\n");
    for (text, told) in [
        (String::new(), "line 1: there is no [[scenario]]"),
        ("[[scenario]\n".to_owned(), "line 1: "),
        (SCENARIO.to_owned(), "line 1: missing field `expect`"),
        (
            format!("{SCENARIO}{EXPECT}\n{SCENARIO}{EXPECT}"),
            "line 5: there is another scenario \"x\"",
        ),
        (
            format!("{SCENARIO}{EXPECT}workers = 0\n"),
            "line 4: `workers` is between 1 and 16",
        ),
        (
            format!("{SCENARIO}{EXPECT}start = 'monday'\n"),
            "line 4: \"monday\" is not a time",
        ),
        (
            format!("{SCENARIO}{EXPECT}start = '2206-03-02T09:00:00Z'\n"),
            "line 4: \"2206-03-02T09:00:00Z\" is not a time",
        ),
        (
            format!("{SCENARIO}{EXPECT}stop_after = '41d'\n"),
            "line 4: \"41d\" is not between 1s and 960h",
        ),
        (
            format!("{job}id = 'a b'\n"),
            "line 5: \"a b\" is not one word",
        ),
        (
            format!("{job}[[scenario.job]]\n"),
            "line 5: there is another job with the id \"job\"",
        ),
        (
            format!("{job}repeat = 2001\n"),
            "line 5: `repeat` is between 1 and 2000",
        ),
        (
            format!("{job}repeat = 2000\n[[scenario.job]]\nid = 'b'\n"),
            "line 6: more than 2000 jobs",
        ),
        (
            format!("{job}every = '1s'\n"),
            "line 5: `every` is for jobs with `repeat`",
        ),
        (
            format!("{job}repeat = 2000\nevery = '1h'\n"),
            "line 6: the last of these jobs comes after more than 40 days",
        ),
        (
            format!("{job}days_old = 1\nbilling_date = 'unknown'\n"),
            "line 6: give `days_old` or `billing_date`",
        ),
        (
            format!("{job}billing_date = 'monday'\n"),
            "line 5: \"monday\" is neither a date",
        ),
        (
            format!("{job}at = 'soon'\n"),
            "line 5: \"soon\" is not a duration",
        ),
        (format!("{answer}code = ''\n"), "line 6: \"\" is no code"),
        (
            format!("{answer}code = '1'\njob = 'unknown'\n"),
            "line 7: no job has the job \"unknown\"",
        ),
        (
            format!("{answer}code = '1'\nprovince = '天津'\n"),
            "line 7: no job has the province",
        ),
        (
            format!("{answer}code = '1'\ntimes = 0\n"),
            "line 7: given never",
        ),
        (
            format!("{answer}code = '1'\ncalls = [0]\n"),
            "line 7: `calls` is a list of numbers",
        ),
        (
            format!("{answer}code = '1'\ntimes = 1\ncalls = [1]\n"),
            "line 8: give `times` or `calls`",
        ),
        (
            format!("{answer}code = '1'\nfrom = '2m'\nuntil = '2m'\n"),
            "line 8: `until` is not later",
        ),
        (
            format!("{answer}code = '1'\nregistry = 'voided'\n"),
            "line 7: `registry` is for verification OK",
        ),
        (
            format!("{answer}code = '1'\nnothing_read = true\n"),
            "line 7: `nothing_read` is for recognition 200",
        ),
        (
            format!("{answer}code = '1'\nhttp_status = 42\n"),
            "line 7: `http_status` is between",
        ),
        (expect.clone(), "line 3: nothing is expected"),
        (
            format!("{expect}calls = ['0s storage OK']\n"),
            "line 4: \"0s storage OK\" is not like",
        ),
        (
            format!("{expect}calls = [\n  '0s recognition 200',\n  '0s verification'\n]\n"),
            "line 6: \"0s verification\" is not like",
        ),
        (
            format!("{expect}calls = ['0s recognition 200 job']\n"),
            "line 4: ",
        ),
        (
            format!("{expect}downloads = ['OK']\n"),
            "line 4: \"OK\" is not like",
        ),
        (
            format!("{expect}ends = 'completed'\n"),
            "line 4: \"completed\" is no end",
        ),
        (
            format!("{expect}ends = 'completed well'\n"),
            "line 4: \"completed well\" is no end",
        ),
        (
            format!("{expect}ends = {{ unknown = 'waiting' }}\n"),
            "line 4: there is no job \"unknown\"",
        ),
        (
            format!("{SCENARIO}{EXPECT}surprise = 1\n"),
            "line 4: unknown field `surprise`",
        ),
    ] {
        let problem = refused(&text);
        assert!(
            problem.starts_with(&format!("bad.toml, {told}")),
            "{text}\n  {problem}\n  {told}"
        );
    }
}

#[test]
fn a_file_that_is_too_large_or_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "#".repeat(1 + (1 << 20))).unwrap();
    let problem = PolicyScenario::read(&path)
        .expect_err("too large")
        .to_string();
    assert!(problem.contains("is longer than 1MiB"), "{problem}");
    let problem = PolicyScenario::read(Path::new("/nowhere/s.toml"))
        .expect_err("no file")
        .to_string();
    assert!(
        problem.starts_with("/nowhere/s.toml: cannot be read"),
        "{problem}"
    );
}
