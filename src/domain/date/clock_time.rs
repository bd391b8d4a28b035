//! The time of day behind a date, and its offset.

use jiff::civil::Time;
use jiff::tz::Offset;

const MORNINGS: [&str; 4] = ["上午", "凌晨", "早上", "AM"];
const AFTERNOONS: [&str; 4] = ["下午", "晚上", "中午", "PM"];
/// China's own zones, which do not change the day.
const LOCAL: [&str; 4] = ["[Asia/Shanghai]", "Asia/Shanghai", "CST", "北京时间"];
const MAX_OFFSET_HOURS: i32 = 14;

/// Midnight and no offset where nothing stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClockTime {
    pub(super) time: Time,
    /// `24:00`: the beginning of the next day.
    pub(super) is_end_of_day: bool,
    pub(super) offset: Option<Offset>,
}

impl ClockTime {
    /// `10:15`, `T10:15:30.123+08:00`, `10时15分30秒`, `101530`, `10:15:30 PM`, `下午3点05分`, nothing.
    /// `None` for anything else.
    ///
    /// `is_attached`: it stands directly behind `20200603`, so that two digits are an hour.
    pub(super) fn parse(rest: &str, is_attached: bool) -> Option<Self> {
        let mut rest = UnreadTime(rest.trim());
        if rest.0.is_empty() || rest.is_zone() {
            // A date in some zone is that date.
            return Some(Self::default());
        }
        rest.take(&["T", "t", ","]);
        rest.blanks();
        let half = rest.half_of_day();
        let mut time = rest.figures(is_attached)?;
        rest.blanks();
        match half.or_else(|| rest.half_of_day()) {
            Some(Half::Morning) if time.hour == 12 => time.hour = 0,
            Some(Half::Afternoon) if time.hour < 12 => time.hour += 12,
            _ => {}
        }
        rest.blanks();
        let zone = if rest.0.is_empty() {
            Zone::Local
        } else {
            rest.zone()?
        };
        let is_end_of_day = (time.hour, time.minute, time.second) == (24, 0, 0);
        let hour = if is_end_of_day { 0 } else { time.hour };
        // A leap second is the last second of its minute.
        let second = if time.second == 60 { 59 } else { time.second };
        let time = Time::new(hour, time.minute, second, 0).ok()?;
        let offset = match zone {
            Zone::Local => None,
            Zone::At(offset) => Some(offset),
        };
        rest.0.is_empty().then_some(Self {
            time,
            is_end_of_day,
            offset,
        })
    }
}

#[derive(Clone, Copy)]
enum Half {
    Morning,
    Afternoon,
}

#[derive(Clone, Copy)]
enum Zone {
    /// A zone that does not change the day.
    Local,
    At(Offset),
}

#[derive(Clone, Copy, Default)]
struct Figures {
    hour: i8,
    minute: i8,
    second: i8,
}

/// The text that has not been read yet.
struct UnreadTime<'a>(&'a str);

impl UnreadTime<'_> {
    fn take(&mut self, any: &[&str]) -> bool {
        let after = any.iter().find_map(|text| self.0.strip_prefix(text));
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn is_zone(&self) -> bool {
        let mut zone = Self(self.0);
        (self.0.ends_with(['Z', 'z']) || self.0.contains(':'))
            && zone.zone().is_some()
            && zone.0.is_empty()
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn half_of_day(&mut self) -> Option<Half> {
        let half = if self.take(&MORNINGS) {
            Some(Half::Morning)
        } else if self.take(&AFTERNOONS) {
            Some(Half::Afternoon)
        } else {
            None
        };
        self.blanks();
        half
    }

    /// One or two digits.
    fn number(&mut self) -> Option<i8> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest.trim_start();
        if count <= 2 {
            digits.parse().ok()
        } else {
            None
        }
    }

    fn figures(&mut self, is_attached: bool) -> Option<Figures> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if count > 2 || (count == 2 && self.0.len() == 2 && is_attached) {
            return self.run_together(count);
        }
        let mut figures = Figures {
            hour: self.number()?,
            ..Figures::default()
        };
        let is_lettered = self.take(&["时", "時", "点"]);
        if !is_lettered && !self.take(&[":"]) {
            return None;
        }
        self.blanks();
        if is_lettered && !self.0.starts_with(|next: char| next.is_ascii_digit()) {
            return Some(figures);
        }
        figures.minute = self.number()?;
        if self.take(&[":", "分"]) {
            self.blanks();
            if self.0.starts_with(|next: char| next.is_ascii_digit()) {
                figures.second = self.number()?;
                self.take(&["秒"]);
            }
        }
        self.fraction();
        Some(figures)
    }

    /// `10`, `1015`, `101530`, `101530123`, directly behind `20200603`.
    fn run_together(&mut self, count: usize) -> Option<Figures> {
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let pair = |at: usize| {
            digits
                .get(at..at + 2)
                .map_or(Some(0), |pair| pair.parse::<i8>().ok())
        };
        let figures = Figures {
            hour: pair(0)?,
            minute: pair(2)?,
            second: pair(4)?,
        };
        self.fraction();
        matches!(count, 2 | 4 | 6 | 9).then_some(figures)
    }

    fn fraction(&mut self) {
        if let Some(after) = self.0.strip_prefix(['.', ','])
            && after.starts_with(|next: char| next.is_ascii_digit())
        {
            self.0 = after.trim_start_matches(|next: char| next.is_ascii_digit());
        }
    }

    /// `Z`, `UTC`, `GMT+8`, `+08:00`, `+0800 CST`.
    fn zone(&mut self) -> Option<Zone> {
        if self.take(&LOCAL) {
            return Some(Zone::Local);
        }
        let is_utc = self.take(&["Z", "z", "UTC", "GMT"]);
        let Some(sign) = self
            .0
            .chars()
            .next()
            .filter(|sign| matches!(sign, '+' | '-'))
        else {
            return is_utc.then_some(Zone::At(Offset::UTC));
        };
        self.0 = &self.0[1..];
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let (hours, minutes): (i32, i32) = match count {
            1 | 2 => (
                digits.parse().ok()?,
                if self.take(&[":"]) {
                    i32::from(self.number()?)
                } else {
                    0
                },
            ),
            4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
            _ => return None,
        };
        self.blanks();
        self.take(&LOCAL);
        let seconds = hours * 3_600 + minutes * 60;
        let is_sound = hours <= MAX_OFFSET_HOURS && minutes < 60;
        let offset = Offset::from_seconds(if sign == '-' { -seconds } else { seconds }).ok()?;
        is_sound.then_some(Zone::At(offset))
    }
}
