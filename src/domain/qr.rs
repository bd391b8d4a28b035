//! What the QR code of a bill claims. It is printed on the paper, so that it is a claim of the
//! paper and no proof.

use jiff::civil::Date;
use rust_decimal::Decimal;
use url::Url;

/// Longer texts are not read: a real one has at most some 300 bytes.
const MAX_BYTES: usize = 1_000;
const CODE_DIGITS: usize = 8;
const NUMBER_DIGITS: usize = 10;
const CHECK_CHARACTERS: usize = 6;
/// The names of an issuing platform's query parameters.
const PARAMETERS: [&str; 3] = ["invoice_code", "invoice_number", "check_code"];

/// The fields that a QR code names. They are a person's bill, so that it is no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct QrClaim {
    pub note_code: Option<String>,
    pub note_no: Option<String>,
    pub check_code: Option<String>,
    pub total_cost: Option<Decimal>,
    pub billing_date: Option<Date>,
}

impl QrClaim {
    /// Reads the forms that bills are known to carry; `None` for anything else, such as payment
    /// codes and links.
    ///
    /// - a URL with `d=<code>_<number>_<check code>_<total>_<yyyymmdd>`, or without the total;
    /// - a URL with `invoice_code=…&invoice_number=…&check_code=…`;
    /// - the tax layout `01,10,<code>,<number>,<total>,<yyyymmdd>,<check code>`, with check code
    ///   and total in either place.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return None;
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => of_url(&url),
            Ok(_) | Err(_) => of_tax_layout(text),
        }
    }
}

/// The parameters of the query; some platforms put them behind the fragment's mark.
fn of_url(url: &Url) -> Option<QrClaim> {
    let behind_fragment = url.fragment().map(|fragment| {
        let query = fragment
            .split_once('?')
            .map_or(fragment, |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
    });
    let parameters: Vec<(String, String)> = url
        .query_pairs()
        .chain(behind_fragment.into_iter().flatten())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let value = |wanted: &str| {
        let mut values = parameters
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        values.next().map(|(_, value)| value.trim())
    };
    if let Some(claim) = value("d").and_then(underscored) {
        return Some(claim);
    }
    let [code, number, check] = PARAMETERS.map(value);
    let (code, number) = (digits(code?, CODE_DIGITS)?, digits(number?, NUMBER_DIGITS)?);
    Some(QrClaim {
        note_code: Some(code),
        note_no: Some(number),
        check_code: check.and_then(check_code),
        ..QrClaim::default()
    })
}

/// `<code>_<number>_<check code>_<total>_<yyyymmdd>`, and without the total.
fn underscored(value: &str) -> Option<QrClaim> {
    let parts: Vec<&str> = value.split('_').collect();
    let (code, number, check, total, day) = match parts[..] {
        [code, number, check, total, day] => (code, number, check, Some(total), day),
        [code, number, check, day] => (code, number, check, None, day),
        _ => return None,
    };
    Some(QrClaim {
        note_code: Some(digits(code, CODE_DIGITS)?),
        note_no: Some(digits(number, NUMBER_DIGITS)?),
        check_code: Some(check_code(check)?),
        total_cost: match total {
            Some(total) => Some(amount(total)?),
            None => None,
        },
        billing_date: Some(date(day)?),
    })
}

/// Which of the two is the total follows from the point in it; where neither or both have one, it is
/// not known.
fn of_tax_layout(text: &str) -> Option<QrClaim> {
    let parts: Vec<&str> = text
        .trim_end_matches(',')
        .split(',')
        .map(str::trim)
        .collect();
    let ["01", kind, code, number, fourth, day, last, ..] = parts[..] else {
        return None;
    };
    if !is_digits(kind) || !is_digits(code) || !is_digits(number) || number.len() > 20 {
        return None;
    }
    let (total, check) = match (amount(fourth), amount(last)) {
        (Some(total), None) => (Some(total), Some(last)),
        (None, Some(total)) => (Some(total), Some(fourth)),
        (Some(_), Some(_)) | (None, None) => (None, None),
    };
    Some(QrClaim {
        note_code: Some(code.to_owned()),
        note_no: Some(number.to_owned()),
        check_code: check
            .filter(|check| check.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .filter(|check| !check.is_empty())
            .map(str::to_owned),
        total_cost: total,
        billing_date: Some(date(day)?),
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn digits(text: &str, count: usize) -> Option<String> {
    (text.len() == count && is_digits(text)).then(|| text.to_owned())
}

fn check_code(text: &str) -> Option<String> {
    let is_shaped =
        text.len() == CHECK_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_shaped.then(|| text.to_owned())
}

/// An amount with two decimals.
fn amount(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.')?;
    let bare = whole.strip_prefix('-').unwrap_or(whole);
    let is_shaped = is_digits(bare) && fraction.len() == 2 && is_digits(fraction);
    is_shaped.then(|| Decimal::from_str_exact(text).ok())?
}

fn date(text: &str) -> Option<Date> {
    if !is_digits(text) || text.len() != 8 {
        return None;
    }
    let (year, month, day) = (&text[..4], &text[4..6], &text[6..]);
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        let claim = QrClaim::read(text)?;
        let [code, number, check] =
            [claim.note_code, claim.note_no, claim.check_code].map(Option::unwrap_or_default);
        let total = claim.total_cost.map(|total| total.to_string());
        let day = claim.billing_date.map(|day| day.to_string());
        Some(format!(
            "{code} {number} {check} {} {}",
            total.unwrap_or_default(),
            day.unwrap_or_default()
        ))
    }

    #[test]
    fn every_known_form_is_read() {
        let whole = "41060121 0103815274 a1B2c3 207.50 2026-06-03";
        let without_total = "41060121 0103815274 a1B2c3  2026-06-03";
        for (text, expected) in [
            (
                "http://einvoice.example/check?d=41060121_0103815274_a1B2c3_207.50_20260603",
                whole,
            ),
            (
                "https://einvoice.example:8443/e/scan?x=1&d=41060121_0103815274_a1B2c3_207.50_20260603&s=9",
                whole,
            ),
            (
                "HTTPS://EINVOICE.EXAMPLE/S?D=41060121_0103815274_a1B2c3_207.50_20260603",
                whole,
            ),
            (
                "https://einvoice.example/#/bill?d=41060121_0103815274_a1B2c3_207.50_20260603",
                whole,
            ),
            (
                "https://einvoice.example/?d=41060121%5F0103815274%5Fa1B2c3%5F207.50%5F20260603",
                whole,
            ),
            (
                "https://einvoice.example/?d=41060121_0103815274_a1B2c3_20260603",
                without_total,
            ),
            (
                "https://einvoice.example/q?invoice_code=41060121&invoice_number=0103815274&check_code=a1B2c3",
                "41060121 0103815274 a1B2c3  ",
            ),
            (
                "https://einvoice.example/q?invoice_number=0103815274&invoice_code=41060121",
                "41060121 0103815274   ",
            ),
            ("01,10,41060121,0103815274,a1B2c3,20260603,207.50", whole),
            (
                "01,10,41060121,0103815274,207.50,20260603,a1B2c3,9F3D,",
                whole,
            ),
            (
                "01,04,41060121,0103815274,,20260603,a1B2c3",
                without_total.replace("a1B2c3", "").as_str(),
            ),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_ignored() {
        for text in [
            "",
            "https://weixin.example/pay?id=41060121",
            "wxp://f2f0abc",
            "https://einvoice.example/?d=4106012_0103815274_a1B2c3_207.50_20260603",
            "https://einvoice.example/?d=41060121_0103815274_a1B2c3_207.5_20260603",
            "https://einvoice.example/?d=41060121_0103815274_a1B2c3_207.50_20261303",
            "https://einvoice.example/?d=41060121_0103815274",
            "https://einvoice.example/?invoice_code=41060121",
            "ftp://einvoice.example/?d=41060121_0103815274_a1B2c3_207.50_20260603",
            "01,10,41060121,0103815274",
            "02,10,41060121,0103815274,a1B2c3,20260603,207.50",
            "01,10,41060121,01038X5274,a1B2c3,20260603,207.50",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(
            shown(&format!("https://e.example/?d={}", "1".repeat(2_000))),
            None
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", near in "(https://h/[?]d=)?[0-9_,.a-z]{0,40}") {
            let _ = (QrClaim::read(&text), QrClaim::read(&near));
        }
    }
}
