//! What has to be known to write a configuration: from flags, or asked one after the other.

use crate::config::ConfigError;
use clap::Args;
use std::io::{BufRead, Write};

/// The answers, each from its flag where there is one.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Answers {
    /// Where RabbitMQ is, with user and password
    #[arg(long, value_name = "URL")]
    broker_url: Option<String>,
    /// The bucket with the images
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// The address of an S3-compatible store; "" for AWS
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// The URL of the recognition API, as the marketplace shows it
    #[arg(long, value_name = "URL")]
    recognition_url: Option<String>,
    /// The calls a second that both accounts allow
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    rate: Option<String>,
}

/// Every question is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choices {
    pub(super) broker_url: String,
    pub(super) bucket: String,
    pub(super) endpoint_url: String,
    pub(super) recognition_url: String,
    pub(super) rate: f64,
}

struct Question {
    flag: &'static str,
    text: &'static str,
    /// Taken for an empty line; `None`: the answer may not be empty.
    usual: Option<&'static str>,
}

const BROKER: Question = Question {
    flag: "--broker-url",
    text: "1/5 Where is RabbitMQ?",
    usual: Some("amqp://guest:guest@127.0.0.1:5672/%2f"),
};
const BUCKET: Question = Question {
    flag: "--bucket",
    text: "2/5 Which bucket are the images in?",
    usual: None,
};
const ENDPOINT: Question = Question {
    flag: "--endpoint-url",
    text: "3/5 The address of the S3-compatible store (empty for AWS)?",
    usual: Some(""),
};
const RECOGNITION: Question = Question {
    flag: "--recognition-url",
    text: "4/5 The URL of the recognition API, as the marketplace shows it?",
    usual: None,
};
const RATE: Question = Question {
    flag: "--rate",
    text: "5/5 How many calls a second do both accounts allow?",
    usual: Some("10"),
};

impl Answers {
    /// Asks for what no flag says. A question is written to `ask`, its answer is a line of `from`.
    pub(super) fn complete(
        self,
        from: &mut impl BufRead,
        ask: &mut impl Write,
    ) -> anyhow::Result<Choices> {
        let mut answer = |flag: Option<String>, question: &Question| match flag {
            Some(answer) => Ok(answer),
            None => question.ask(from, ask),
        };
        Ok(Choices {
            broker_url: answer(self.broker_url, &BROKER)?,
            bucket: answer(self.bucket, &BUCKET)?,
            endpoint_url: answer(self.endpoint_url, &ENDPOINT)?,
            recognition_url: answer(self.recognition_url, &RECOGNITION)?,
            rate: {
                let rate = answer(self.rate, &RATE)?;
                rate.parse()
                    .map_err(|_| ConfigError::of(RATE.flag, "is not a number"))?
            },
        })
    }
}

impl Question {
    fn ask(&self, from: &mut impl BufRead, ask: &mut impl Write) -> anyhow::Result<String> {
        loop {
            match self.usual {
                Some(usual) if !usual.is_empty() => write!(ask, "{} [{usual}] ", self.text)?,
                _ => write!(ask, "{} ", self.text)?,
            }
            ask.flush()?;
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                writeln!(ask)?;
                return Err(ConfigError::of(self.flag, "has no answer on stdin; give it").into());
            }
            match (line.trim(), self.usual) {
                ("", Some(usual)) => return Ok(usual.to_owned()),
                ("", None) => writeln!(ask, "It has no usual value.")?,
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(flags: Answers, lines: &str) -> (anyhow::Result<Choices>, String) {
        let mut asked = Vec::new();
        let choices = flags.complete(&mut lines.as_bytes(), &mut asked);
        (choices, String::from_utf8(asked).unwrap())
    }

    #[test]
    fn five_questions_are_asked_and_flags_answer_them_beforehand() {
        let (choices, text) = asked(
            Answers::default(),
            "\n\nclaims\nhttp://s3\nhttps://gateway/ocr\n2.5\n",
        );
        let expected = Choices {
            broker_url: "amqp://guest:guest@127.0.0.1:5672/%2f".into(),
            bucket: "claims".into(),
            endpoint_url: "http://s3".into(),
            recognition_url: "https://gateway/ocr".into(),
            rate: 2.5,
        };
        assert_eq!(choices.unwrap(), expected);
        assert_eq!(
            text.matches("/5 ").count(),
            6,
            "one was asked twice: {text}"
        );

        let flags = Answers {
            broker_url: Some(expected.broker_url.clone()),
            bucket: Some("claims".into()),
            endpoint_url: Some("http://s3".into()),
            recognition_url: Some("https://gateway/ocr".into()),
            rate: Some("2.5".into()),
        };
        let (choices, text) = asked(flags, "");
        assert_eq!((choices.unwrap(), text), (expected, String::new()));
    }

    #[test]
    fn what_is_not_answered_names_its_flag() {
        for (lines, says) in [
            ("", "--broker-url"),
            ("\n", "--bucket"),
            ("\nclaims\n\n", "--recognition-url"),
            ("\nclaims\n\nhttps://g\nmany\n", "--rate"),
        ] {
            let error = asked(Answers::default(), lines).0.unwrap_err();
            assert!(error.to_string().contains(says), "{lines:?}: {error}");
        }
    }
}
