//! The format of `formatdate`: repeated letters are verbs, other characters are themselves, quotes protect letters.

use super::time::{Moment, offset_text};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The time in a format, or what is wrong with the format.
pub(super) fn format_date(format: &str, moment: Moment) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            quoted(rest, &mut out)?
        } else if first.is_ascii_alphabetic() {
            let length = rest.len() - rest.trim_start_matches(first).len();
            out.push_str(&verb(&rest[..length], first, moment)?);
            length
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    Ok(out)
}

/// Writes a quoted part and gives its length; two quotes side by side are one.
fn quoted(text: &str, out: &mut String) -> Result<usize, String> {
    if text[1..].starts_with('\'') {
        out.push('\'');
        return Ok(2);
    }
    let mut at = 1;
    loop {
        let Some(end) = text[at..].find('\'') else { return Err("unterminated literal '".to_owned()) };
        out.push_str(&text[at..at + end]);
        at += end + 1;
        if !text[at..].starts_with('\'') {
            return Ok(at);
        }
        out.push('\'');
        at += 1;
    }
}

/// One or two digits, as many as letters.
fn digits(number: i8, verb: &str, wanted: &str) -> Result<String, String> {
    match verb.len() {
        1 => Ok(number.to_string()),
        2 => Ok(format!("{number:02}")),
        _ => Err(format!("invalid date format verb {verb:?}: {wanted}")),
    }
}

/// A name, whole for four letters and its first three characters for three.
fn named(names: &[&str], at: i8, verb: &str, wanted: &str) -> Result<String, String> {
    let name = usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default();
    match verb.len() {
        3 => Ok(name[..3].to_owned()),
        4 => Ok(name.to_owned()),
        _ => Err(format!("invalid date format verb {verb:?}: {wanted}")),
    }
}

fn verb(verb: &str, letter: char, moment: Moment) -> Result<String, String> {
    let wall = moment.wall;
    match letter {
        'Y' => match verb.len() {
            2 => Ok(format!("{:02}", wall.year() % 100)),
            4 => Ok(format!("{:04}", wall.year())),
            _ => Err(format!("invalid date format verb {verb:?}: year must either be \"YY\" or \"YYYY\"")),
        },
        'M' => {
            let wanted = "month must be \"M\", \"MM\", \"MMM\", or \"MMMM\"";
            match verb.len() {
                1 | 2 => digits(wall.month(), verb, wanted),
                _ => named(&MONTHS, wall.month() - 1, verb, wanted),
            }
        }
        'D' => digits(wall.day(), verb, "day of month must either be \"D\" or \"DD\""),
        'E' => {
            let day = wall.weekday().to_monday_zero_offset();
            named(&DAYS, day, verb, "day of week must either be \"EEE\" or \"EEEE\"")
        }
        'h' => digits(wall.hour(), verb, "24-hour must either be \"h\" or \"hh\""),
        'H' => digits((wall.hour() + 11) % 12 + 1, verb, "12-hour must either be \"H\" or \"HH\""),
        'A' | 'a' => half_of_day(verb, letter, wall.hour()),
        'm' => digits(wall.minute(), verb, "minute must either be \"m\" or \"mm\""),
        's' => digits(wall.second(), verb, "second must either be \"s\" or \"ss\""),
        'Z' => zone(verb, moment.offset_seconds),
        _ => Err(format!("invalid date format verb {verb:?}")),
    }
}

fn half_of_day(verb: &str, letter: char, hour: i8) -> Result<String, String> {
    if verb.len() != 2 {
        return Err(format!("invalid date format verb {verb:?}: must be \"{letter}{letter}\""));
    }
    let half = if hour < 12 { "am" } else { "pm" };
    Ok(if letter == 'A' { half.to_uppercase() } else { half.to_owned() })
}

fn zone(verb: &str, seconds: i32) -> Result<String, String> {
    match verb.len() {
        1 if seconds == 0 => Ok("Z".to_owned()),
        3 if seconds == 0 => Ok("UTC".to_owned()),
        1 | 5 => Ok(offset_text(seconds, ":")),
        3 | 4 => Ok(offset_text(seconds, "")),
        _ => Err(format!("invalid date format verb {verb:?}: timezone must be Z, ZZZZ, or ZZZZZ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_write_their_parts() {
        let moment = Moment::parse("2018-01-04T23:12:01+02:00").unwrap();
        for (format, expected) in [
            ("DD MMM YYYY hh:mm ZZZ", Ok("04 Jan 2018 23:12 +0200")),
            ("EEEE, D-MMMM-YY H:m:s AA aa", Ok("Thursday, 4-January-18 11:12:1 PM pm")),
            ("'it''s' Z ZZZZ ZZZZZ ''", Ok("it's +02:00 +0200 +02:00 '")),
            ("日", Ok("日")),
            ("YYY", Err("invalid date format verb \"YYY\": year must either be \"YY\" or \"YYYY\"")),
            ("q", Err("invalid date format verb \"q\"")),
            ("'open", Err("unterminated literal '")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(format_date(format, moment), expected, "{format}");
        }
    }
}
