//! Functions on points in time, written as RFC 3339.

use super::argument::text;
use super::date_format::format_date;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::Value;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

const STRING: ResultType = ResultType::Fixed(Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "formatdate",
        &[Parameter::new("format", Shape::String), Parameter::new("time", Shape::String)],
        STRING,
        formatted_date,
    ),
    Function::new("plantimestamp", &[], STRING, plan_timestamp),
    Function::new(
        "timeadd",
        &[Parameter::new("timestamp", Shape::String), Parameter::new("duration", Shape::String)],
        STRING,
        add_duration,
    ),
    Function::new(
        "timecmp",
        &[Parameter::new("timestamp_a", Shape::String), Parameter::new("timestamp_b", Shape::String)],
        ResultType::Fixed(Shape::Number),
        compare_times,
    ),
    Function::new("timestamp", &[], STRING, timestamp).impure(),
];

/// A point in time as it was written: with the offset of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The time on the wall.
    pub(super) wall: DateTime,
    /// What the wall is ahead of UTC.
    pub(super) offset_seconds: i32,
}

/// Reads a fixed number of digits.
fn fixed_digits<'a>(rest: &mut &'a str, count: usize, name: &str) -> Result<&'a str, String> {
    let digits = rest.get(..count).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let Some(digits) = digits else {
        return Err(if rest.is_empty() {
            format!("not a valid RFC3339 timestamp: end of string before {name}")
        } else {
            format!("not a valid RFC3339 timestamp: cannot use {rest:?} as {name}")
        });
    };
    *rest = &rest[count..];
    Ok(digits)
}

fn separator(rest: &mut &str, expected: char) -> Result<(), String> {
    match rest.strip_prefix(expected) {
        Some(after) => {
            *rest = after;
            Ok(())
        }
        None if expected == 'T' => {
            Err("not a valid RFC3339 timestamp: missing required time introducer 'T'".to_owned())
        }
        None if rest.is_empty() => {
            Err(format!("not a valid RFC3339 timestamp: end of string where {expected:?} is expected"))
        }
        None => Err(format!("not a valid RFC3339 timestamp: found {rest:?} where {expected:?} is expected")),
    }
}

fn number_of(digits: &str) -> i16 {
    digits.parse().unwrap_or(i16::MAX)
}

fn small_number_of(digits: &str) -> i8 {
    digits.parse().unwrap_or(i8::MAX)
}

impl Moment {
    /// Reads RFC 3339, strictly: all parts, a capital `T` and `Z`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let year = number_of(fixed_digits(&mut rest, 4, "year")?);
        separator(&mut rest, '-')?;
        let month = small_number_of(fixed_digits(&mut rest, 2, "month")?);
        separator(&mut rest, '-')?;
        let day = small_number_of(fixed_digits(&mut rest, 2, "day of month")?);
        separator(&mut rest, 'T')?;
        let hour = small_number_of(fixed_digits(&mut rest, 2, "hour")?);
        separator(&mut rest, ':')?;
        let minute = small_number_of(fixed_digits(&mut rest, 2, "minute")?);
        separator(&mut rest, ':')?;
        let second = small_number_of(fixed_digits(&mut rest, 2, "second")?);
        let nanosecond = fraction(&mut rest)?;
        let offset_seconds = offset(rest)?;
        let date = Date::new(year, month, day)
            .map_err(|_| "not a valid RFC3339 timestamp: day or month out of range".to_owned())?;
        if hour > 23 || minute > 59 || second > 59 {
            let part = if hour > 23 {
                "hour"
            } else if minute > 59 {
                "minute"
            } else {
                "second"
            };
            return Err(format!("not a valid RFC3339 timestamp: {part} out of range"));
        }
        Ok(Self { wall: date.at(hour, minute, second, nanosecond), offset_seconds })
    }

    fn instant(self) -> Result<Timestamp, String> {
        let offset = Offset::from_seconds(self.offset_seconds).map_err(|error| error.to_string())?;
        offset.to_timestamp(self.wall).map_err(|error| error.to_string())
    }

    fn after(self, duration: SignedDuration) -> Result<Self, String> {
        let wall = self.wall.checked_add(duration).map_err(|error| error.to_string())?;
        Ok(Self { wall, ..self })
    }
}

/// Nanoseconds of a fraction of a second, where one follows.
fn fraction(rest: &mut &str) -> Result<i32, String> {
    let Some(after) = rest.strip_prefix('.') else { return Ok(0) };
    let count = after.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return Err("not a valid RFC3339 timestamp: cannot use \".\" as second".to_owned());
    }
    let digits: String = after[..count].chars().chain("000000000".chars()).take(9).collect();
    *rest = &after[count..];
    Ok(digits.parse().unwrap_or(0))
}

/// Seconds ahead of UTC.
fn offset(text: &str) -> Result<i32, String> {
    let error = || {
        if text.is_empty() {
            "not a valid RFC3339 timestamp: end of string before UTC offset".to_owned()
        } else {
            format!("not a valid RFC3339 timestamp: cannot use {text:?} as UTC offset")
        }
    };
    if text == "Z" {
        return Ok(0);
    }
    let sign = match text.chars().next() {
        Some('+') => 1,
        Some('-') => -1,
        _ => return Err(error()),
    };
    let (hours, minutes) = text[1..].split_once(':').ok_or_else(error)?;
    let part = |digits: &str, below: i32| {
        let is_two_digits = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|number| is_two_digits && *number < below)
    };
    let hours = part(hours, 24).ok_or_else(error)?;
    let minutes = part(minutes, 60).ok_or_else(error)?;
    Ok(sign * (hours * 3600 + minutes * 60))
}

/// RFC 3339 without fractions of a second.
impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wall = self.wall;
        write!(f, "{:04}-{:02}-{:02}T", wall.year(), wall.month(), wall.day())?;
        write!(f, "{:02}:{:02}:{:02}", wall.hour(), wall.minute(), wall.second())?;
        if self.offset_seconds == 0 {
            f.write_str("Z")
        } else {
            f.write_str(&offset_text(self.offset_seconds, ":"))
        }
    }
}

/// `+02:00` with a separator between hours and minutes.
pub(super) fn offset_text(seconds: i32, separator: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
}

fn moment(arguments: &[Value], at: usize) -> Result<Moment, FunctionError> {
    Moment::parse(text(&arguments[at])).map_err(|message| FunctionError::argument(at, message))
}

/// The time in another form.
fn formatted_date(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let moment = moment(arguments, 1)?;
    let formatted = format_date(text(&arguments[0]), moment);
    formatted.map(Value::from).map_err(|message| FunctionError::argument(0, message))
}

/// The time of the plan.
fn plan_timestamp(context: &FunctionContext<'_>, _: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(context.plan_timestamp))
}

/// The time of the call: unknown in a plan, so only an apply ever asks for it.
fn timestamp(_: &FunctionContext<'_>, _: &[Value]) -> Result<Value, FunctionError> {
    let wall = Offset::UTC.to_datetime(Timestamp::now());
    Ok(Value::from(Moment { wall, offset_seconds: 0 }.to_string()))
}

/// One number and its unit at the head of a duration, in nanoseconds; and what follows them.
fn duration_part(text: &str) -> Option<(i128, &str)> {
    let whole_count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, mut rest) = text.split_at(whole_count);
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        (fraction, rest) = after.split_at(after.bytes().take_while(u8::is_ascii_digit).count());
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_length = rest.find(|character: char| character == '.' || character.is_ascii_digit());
    let (unit, rest) = rest.split_at(unit_length.unwrap_or(rest.len()));
    let nanoseconds: i128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let kept = &fraction[..fraction.len().min(18)];
    let part: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let scale = 10_i128.pow(u32::try_from(kept.len()).ok()?);
    Some((whole.checked_mul(nanoseconds)? + part * nanoseconds / scale, rest))
}

/// Reads a duration as Go does: `-1h30m`, `1.5s`, `0`.
fn duration(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total: i128 = 0;
    loop {
        let (nanoseconds, after) = duration_part(rest)?;
        total = total.checked_add(nanoseconds)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    // Go holds durations in 64 bits and refuses what does not fit.
    i64::try_from(total * sign).ok().map(SignedDuration::from_nanos)
}

/// The whole seconds of a duration as Go writes it; none where it is none, or below zero.
pub fn duration_seconds(text: &str) -> Option<u64> {
    u64::try_from(duration(text)?.as_secs()).ok()
}

/// The time so much later, in the same offset.
fn add_duration(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let moment = moment(arguments, 0).map_err(|error| FunctionError::new(error.message))?;
    let given = text(&arguments[1]);
    let duration =
        duration(given).ok_or_else(|| FunctionError::new(format!("invalid duration {given:?}")))?;
    let later = moment.after(duration).map_err(FunctionError::new)?;
    Ok(Value::from(later.to_string()))
}

/// -1, 0 or 1 as the first time is before, at or after the second.
fn compare_times(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let instant = |at| {
        let instant = moment(arguments, at)?.instant();
        instant.map_err(|message| FunctionError::argument(at, message))
    };
    Ok(Value::from(instant(0)?.cmp(&instant(1)?) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up() {
        for (start, text, expected) in [
            ("2026-01-02T03:04:05Z", "1h30m5s", Some("2026-01-02T04:34:10Z")),
            ("2026-01-02T03:04:05+02:00", "-24h", Some("2026-01-01T03:04:05+02:00")),
            ("2026-12-31T23:59:59Z", "1.5s", Some("2027-01-01T00:00:00Z")),
            ("2026-01-02T03:04:05Z", "0", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05Z", "1d", None),
            ("2026-01-02T03:04:05Z", "", None),
            ("2026-01-02T03:04:05Z", "5", None),
        ] {
            let moment = Moment::parse(start).unwrap();
            let later = duration(text).map(|duration| moment.after(duration).unwrap().to_string());
            assert_eq!(later.as_deref(), expected, "{start} + {text}");
        }
    }

    #[test]
    fn timestamps_are_read_strictly() {
        for text in [
            "2026-01-02",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05",
            "2026-1-02T03:04:05Z",
            "2026-02-30T03:04:05Z",
            "2026-01-02T24:04:05Z",
            "2026-01-02T03:04:05+2:00",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05Zx",
            "2026-01-02T03:04:05+é",
        ] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
        let parsed = Moment::parse("2026-01-02T03:04:05.5-08:30").unwrap();
        assert_eq!(parsed.to_string(), "2026-01-02T03:04:05-08:30");
    }
}
