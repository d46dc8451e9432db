//! The dates of document metadata.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::rfc2822};

/// Unix milliseconds of an ISO 8601 or RFC 2822 date or time; UTC where no zone is given.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let civil = |t: DateTime| t.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    let time = text.parse::<Timestamp>().ok();
    let time = time.or_else(|| text.parse::<DateTime>().ok().and_then(civil));
    let time = time.or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()));
    // `2014-10`, as the W3C's profile of ISO 8601 allows, and times that jiff finds malformed.
    let time = time.or_else(|| {
        let day = text.get(..10).and_then(|day| day.parse::<Date>().ok());
        let day = day.or_else(|| format!("{}-01", text.get(..7)?).parse().ok());
        civil(day?.at(0, 0, 0, 0))
    });
    time.map(|time| time.as_millisecond())
}

/// `YYYY-MM-DD` of Unix milliseconds, in UTC.
pub(crate) fn day(milliseconds: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(milliseconds).ok()?;
    Some(time.to_zoned(TimeZone::UTC).date().to_string())
}

/// Unix milliseconds of a date as people read it: `December 4, 2024 8:45 AM`, `4 December 2024`,
/// `2024/12/04 08:45`; UTC.
pub(crate) fn parse_written(text: &str) -> Option<i64> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches('@').trim();
    if let Some(time) = parse(text) {
        return Some(time);
    }
    let civil =
        |time: DateTime| Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond());
    let times = [
        "%B %d, %Y %I:%M %p",
        "%b %d, %Y %I:%M %p",
        "%B %d, %Y %H:%M",
        "%b %d, %Y %H:%M",
        "%Y/%m/%d %I:%M %p",
        "%Y/%m/%d %H:%M",
        "%d %B %Y %H:%M",
    ];
    let days = ["%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%Y/%m/%d"];
    let time = times.iter().find_map(|form| DateTime::strptime(form, text).ok());
    let day = || days.iter().find_map(|form| Date::strptime(form, text).ok());
    civil(time.or_else(|| Some(day()?.at(0, 0, 0, 0)))?)
}

/// Unix milliseconds of a PDF date, `D:YYYYMMDDHHmmSSOHH'mm'` with all but the year optional
/// (ISO 32000-1, 7.9.4).
pub(crate) fn parse_pdf(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = text.strip_prefix("D:").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let field = |at: usize, len: usize, default: i16| match text.get(at..at + len) {
        Some(part) if at + len <= digits => part.parse().ok(),
        _ => Some(default),
    };
    if digits < 4 {
        return parse(text);
    }
    let small = |at, default| field(at, 2, default).and_then(|n| i8::try_from(n).ok());
    let date = Date::new(field(0, 4, 0)?, small(4, 1)?, small(6, 1)?).ok()?;
    let second = small(12, 0)?.min(59);
    let time =
        date.to_datetime(jiff::civil::Time::new(small(8, 0)?, small(10, 0)?, second, 0).ok()?);
    let zone = &text[digits..];
    let number = |part: Option<&str>| part.and_then(|n| n.parse::<i64>().ok()).unwrap_or(0);
    let minutes = number(zone.get(1..3)) * 60 + number(zone.get(4..6));
    let offset = match zone.as_bytes().first() {
        Some(b'+') => minutes,
        Some(b'-') => -minutes,
        _ => 0,
    };
    let utc = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(utc - offset * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(parse(text), expected, "{text}");
        check("1970-01-02", Some(86_400_000));
        check("1970-01-01T00:00:01Z", Some(1000));
        check("1970-01-01T01:00:01+01:00", Some(1000));
        check("1970-01-01 00:00:01", Some(1000));
        check("1970-02", Some(31 * 86_400_000));
        check("Thu, 01 Jan 1970 00:00:02 +0000", Some(2000));
        check("yesterday", None);
        check("", None);
        check("日本語日本語日本語", None);
    }

    #[test]
    fn written_dates() {
        let check = |text: &str, expected| assert_eq!(parse_written(text), expected, "{text}");
        check("January 2, 1970 12:01 AM", Some(86_460_000));
        check("Jan 2, 1970", Some(86_400_000));
        check("@2 January 1970", Some(86_400_000));
        check("1970/01/02 00:01", Some(86_460_000));
        check("soon", None);
        assert_eq!(day(86_400_000).as_deref(), Some("1970-01-02"));
        assert_eq!(day(i64::MAX), None);
    }

    #[test]
    fn pdf_dates() {
        let check = |text: &str, expected| assert_eq!(parse_pdf(text), expected, "{text}");
        check("D:19700101000001Z", Some(1000));
        check("D:19700101010001+01'00'", Some(1000));
        check("D:19691231233001-00'30'", Some(1000));
        check("19700102", Some(86_400_000));
        check("D:1970", Some(0));
        check("D:19709999", None);
        check("D:", None);
        check("D:1970é", Some(0));
    }
}
