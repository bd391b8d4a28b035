//! The sample invoices, embedded: pictures whose whole content is known, for the sandbox, the demo
//! and the tests.
//!
//! Every person, hospital and number in them is invented.

/// One picture and what both providers would say about it.
#[derive(Debug)]
pub struct Sample {
    /// `01-beijing-outpatient`: what a scenario calls it.
    pub name: &'static str,
    /// `01-beijing-outpatient.jpg`
    pub file: &'static str,
    pub bytes: &'static [u8],
    /// An object: `qr` is the text of its QR code, `recognition` and `verification` are the
    /// providers' `data` as they travel.
    pub answers_json: &'static str,
}

/// All samples in the order of their numbers.
pub fn all() -> &'static [Sample] {
    &SAMPLES
}

/// The sample of this name.
pub fn named(name: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

macro_rules! sample {
    ($name:literal, $extension:literal) => {
        Sample {
            name: $name,
            file: concat!($name, ".", $extension),
            bytes: include_bytes!(concat!(
                "../../../tests/data/invoices/",
                $name,
                ".",
                $extension
            )),
            answers_json: include_str!(concat!(
                "../../../tests/data/invoices/",
                $name,
                ".answers.json"
            )),
        }
    };
}

static SAMPLES: [Sample; 12] = [
    sample!("01-beijing-outpatient", "jpg"),
    sample!("02-henan-inpatient", "jpg"),
    sample!("03-zhejiang-outpatient", "png"),
    sample!("04-shanghai-outpatient", "jpg"),
    sample!("05-guangdong-inpatient-voided", "jpg"),
    sample!("06-jiangsu-outpatient-red-lettered", "jpg"),
    sample!("07-shandong-outpatient-posted", "jpg"),
    sample!("08-hebei-inpatient-reimbursed", "jpg"),
    sample!("09-beijing-outpatient-misread", "jpg"),
    sample!("10-henan-outpatient-scan", "bmp"),
    sample!("11-tianjin-outpatient-photo", "jpg"),
    sample!("12-shanghai-inpatient-long", "jpg"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_index_of_the_folder() {
        let index: Vec<String> =
            serde_json::from_str(include_str!("../../../tests/data/invoices/index.json")).unwrap();
        assert_eq!(
            all().iter().map(|sample| sample.name).collect::<Vec<_>>(),
            index
        );
    }

    #[test]
    fn all_of_them_together_stay_small() {
        assert!(
            all()
                .iter()
                .map(|sample| sample.bytes.len() + sample.answers_json.len())
                .sum::<usize>()
                < 3 << 20
        );
    }
}
