//! The grammar of the query language: text to tokens to tree. Total: any text gives a query.

use std::ops::Range;

use jiff::tz::Offset;
use jiff::{Span, Timestamp as Instant, civil};

use crate::markdown::leading_tag;
use crate::{
    Chip, Clock, DayRange, Expr, Field, Filter, HasFlag, IsFlag, Kind, Query, Sort, TimeRange,
    Timestamp, Word, fold, link_name,
};

/// Parentheses below this depth are read as if they were not there, so that no reader of the tree
/// needs a deep stack.
const MAX_DEPTH: usize = 24;

/// More words than this between the words of a phrase mean nothing.
const MAX_SLOP: u32 = 1000;

/// Parses what was typed by the grammar of the query language. `typing`: the caret stands at the
/// end, so the last bare word is a prefix.
pub fn parse(text: &str, typing: bool, clock: &Clock) -> Query {
    let parsed = run(text, typing, clock);
    let Parsed { expr, sort, like, chips, .. } = parsed;
    Query { text: text.to_owned(), expr, sort, like, chips }
}

/// The words and phrases that are asked for, in the order they were typed.
pub(crate) fn asked_words(text: &str) -> Vec<String> {
    let clock = Clock { now: Timestamp(0), utc_offset: 0 };
    let mut asked = run(text, false, &clock).asked;
    asked.sort_by_key(|(at, _)| *at);
    asked.into_iter().map(|(_, words)| words).collect()
}

#[derive(Clone, Debug)]
enum Part {
    Word(Word),
    Phrase {
        text: String,
        slop: u32,
        field: Option<Field>,
    },
    Filter(Filter),
    Sort(Sort),
    /// The name of a note.
    Like(String),
    /// A filter whose value is still to be typed.
    Unfinished,
}

#[derive(Clone, Debug)]
enum Token {
    Open,
    Close,
    Or,
    And,
    Not,
    Part { part: Part, label: String, hint: Option<String> },
}

#[derive(Clone, Debug)]
struct Spanned {
    token: Token,
    range: Range<usize>,
}

struct Parsed {
    expr: Expr,
    sort: Sort,
    like: Option<String>,
    chips: Vec<Chip>,
    asked: Vec<(usize, String)>,
}

fn run(text: &str, typing: bool, clock: &Clock) -> Parsed {
    let mut tokens = Lexer { text, at: 0, clock }.tokens();
    drop_punctuation(&mut tokens);
    if typing {
        mark_prefix(text, &mut tokens);
    }
    if !tokens.iter().any(|t| matches!(t.token, Token::Part { .. })) {
        // Only operators: whoever types OR may mean Oregon.
        for spanned in &mut tokens {
            if matches!(spanned.token, Token::Or | Token::And | Token::Not)
                && spanned.range.len() > 1
            {
                let word = plain_word(&text[spanned.range.clone()]);
                spanned.token = Token::Part {
                    part: Part::Word(word),
                    label: text[spanned.range.clone()].to_owned(),
                    hint: None,
                };
            }
        }
    }
    build(text, tokens)
}

/// A lone `&` or `–` among words asks for nothing.
fn drop_punctuation(tokens: &mut Vec<Spanned>) {
    let is_mark = |token: &Token| match token {
        Token::Part { part: Part::Word(Word { text, field: None, .. }), .. } => text
            .chars()
            .all(|c| c.is_ascii_punctuation() || matches!(c, '–' | '—' | '…' | '·' | '•')),
        _ => false,
    };
    if tokens.iter().all(|t| is_mark(&t.token) || !matches!(t.token, Token::Part { .. })) {
        return;
    }
    let mut kept: Vec<Spanned> = Vec::with_capacity(tokens.len());
    for spanned in tokens.drain(..) {
        if !is_mark(&spanned.token) {
            kept.push(spanned);
        } else if matches!(kept.last(), Some(Spanned { token: Token::Not, .. })) {
            kept.pop();
        }
    }
    *tokens = kept;
}

fn mark_prefix(text: &str, tokens: &mut [Spanned]) {
    let negated = matches!(tokens, [.., Spanned { token: Token::Not, .. }, _]);
    if let Some(Spanned { token: Token::Part { part: Part::Word(word), .. }, range }) =
        tokens.last_mut()
    {
        word.prefix |= range.end == text.len() && !negated;
    }
}

fn plain_word(text: &str) -> Word {
    Word { text: text.to_owned(), prefix: false, field: None }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    clock: &'a Clock,
}

fn opens_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„')
}

fn closes_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”')
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn tokens(mut self) -> Vec<Spanned> {
        let mut tokens = Vec::new();
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let start = self.at;
            let Some(c) = self.peek() else { return tokens };
            let token = match c {
                '(' => {
                    self.at += 1;
                    Some(Token::Open)
                }
                ')' => {
                    self.at += 1;
                    Some(Token::Close)
                }
                '-' if self.rest()[1..]
                    .starts_with(|c: char| !c.is_whitespace() && c != '-' && c != ')') =>
                {
                    self.at += 1;
                    Some(Token::Not)
                }
                c if opens_quote(c) => self.phrase(None),
                _ => self.word_or_filter(),
            };
            if let Some(token) = token {
                tokens.push(Spanned { token, range: start..self.at });
            }
        }
    }

    /// Reads `"…"~N` from its opening quote on. Nothing if there is no text in it.
    fn phrase(&mut self, field: Option<Field>) -> Option<Token> {
        let start = self.at;
        let inner = self.quoted();
        let mut slop = 0;
        if let Some(rest) = self.rest().strip_prefix('~') {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            self.at += 1 + digits;
            slop = match &rest[..digits] {
                "" => 0,
                digits => digits.parse().unwrap_or(MAX_SLOP).min(MAX_SLOP),
            };
        }
        let words = inner.trim();
        if words.is_empty() {
            return None;
        }
        let label = match field {
            // The caller labels it with its key.
            Some(_) => self.text[start..self.at].to_owned(),
            None if slop > 0 => format!("\"{words}\"~{slop}"),
            None => format!("\"{words}\""),
        };
        let part = Part::Phrase { text: words.to_owned(), slop, field };
        Some(Token::Part { part, label, hint: None })
    }

    /// What stands between the quote here and the next one, or the end.
    fn quoted(&mut self) -> &'a str {
        self.at += self.peek().map_or(0, char::len_utf8);
        let rest = self.rest();
        match rest.char_indices().find(|(_, c)| closes_quote(*c)) {
            Some((end, quote)) => {
                self.at += end + quote.len_utf8();
                &rest[..end]
            }
            None => {
                self.at = self.text.len();
                rest
            }
        }
    }

    /// The end of the run of characters from here that belong to one word: up to white space, a
    /// parenthesis that it did not open itself, or a quote that opens a phrase.
    fn word_end(&self) -> usize {
        let mut open = 0usize;
        let rest = self.rest();
        for (at, c) in rest.char_indices() {
            let ends = match c {
                '(' => {
                    open += 1;
                    false
                }
                ')' if open > 0 => {
                    open -= 1;
                    false
                }
                ')' => true,
                // As in 12" or rock"n"roll: a phrase starts after what is no letter or digit.
                c if opens_quote(c) => {
                    !rest[..at].chars().next_back().is_some_and(char::is_alphanumeric)
                }
                c => c.is_whitespace(),
            };
            if ends && at > 0 {
                return self.at + at;
            }
        }
        self.text.len()
    }

    fn word_or_filter(&mut self) -> Option<Token> {
        let start = self.at;
        let end = self.word_end();
        let word = &self.text[start..end];
        match word {
            "OR" => {
                self.at = end;
                return Some(Token::Or);
            }
            "AND" => {
                self.at = end;
                return Some(Token::And);
            }
            "NOT" => {
                self.at = end;
                return Some(Token::Not);
            }
            _ => {}
        }
        if let Some(tag) = word.strip_prefix('#')
            && leading_tag(tag).is_some_and(|valid| valid == tag.trim_end_matches('/'))
        {
            self.at = end;
            return Some(filter_part(Filter::Tag(fold_path(tag)), word));
        }
        let key_length = word.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(0);
        let key = word[..key_length].to_ascii_lowercase();
        let operator = match word.as_bytes().get(key_length..).unwrap_or_default() {
            _ if key.is_empty() => None,
            [b':', ..] => Some(Operator::Is),
            [b'>', b'=', ..] => Some(Operator::From),
            [b'<', b'=', ..] => Some(Operator::Until),
            [b'>', ..] => Some(Operator::After),
            [b'<', ..] => Some(Operator::Before),
            _ => None,
        };
        let Some(operator) = operator else {
            self.at = end;
            return Some(word_token(word, None, None));
        };
        let value_at = start + key_length + operator.length();
        let meaning = match (Key::find(&key), operator) {
            (Some(key), Operator::Is) => Some(key),
            (Some(key @ (Key::Created | Key::Updated | Key::Due)), _) => Some(key),
            _ => None,
        };
        let Some(meaning) = meaning else {
            let hint = || format!("there is no filter “{key}:”; searched as text");
            let value = &self.text[value_at..end];
            if value.is_empty()
                && operator == Operator::Is
                && self.text[end..].starts_with(opens_quote)
            {
                self.at = end;
                return match self.phrase(None)? {
                    Token::Part { part, .. } => {
                        let label = self.text[start..self.at].to_owned();
                        Some(Token::Part { part, label, hint: Some(hint()) })
                    }
                    token => Some(token),
                };
            }
            self.at = end;
            let hint = (operator == Operator::Is && looks_like_filter(&key, value)).then(hint);
            return Some(word_token(word, None, hint));
        };
        self.at = value_at;
        if let Key::In(field) = meaning
            && self.peek().is_some_and(opens_quote)
        {
            return Some(match self.phrase(Some(field)) {
                Some(Token::Part { part, hint, .. }) => {
                    Token::Part { part, label: self.text[start..self.at].to_owned(), hint }
                }
                _ => self.unfinished(start, &key, meaning),
            });
        }
        let value = self.value(end);
        let typed = &self.text[start..self.at];
        if value.trim().is_empty() {
            return Some(self.unfinished(start, &key, meaning));
        }
        if let Key::In(field) = meaning {
            let Token::Part { part, .. } = word_token(&value, Some(field), None) else {
                return None;
            };
            return Some(Token::Part { part, label: typed.to_owned(), hint: None });
        }
        Some(match meaning.read(value.trim(), operator, self.clock) {
            Some(part) => Token::Part { part, label: typed.to_owned(), hint: None },
            None => {
                let hint = Some(format!("“{key}:” takes {}; searched as text", meaning.accepts()));
                if value.contains(char::is_whitespace) {
                    let text = value.trim().to_owned();
                    let part = Part::Phrase { text, slop: 0, field: None };
                    Token::Part { part, label: typed.to_owned(), hint }
                } else {
                    word_token(typed, None, hint)
                }
            }
        })
    }

    fn unfinished(&self, start: usize, key: &str, meaning: Key) -> Token {
        Token::Part {
            part: Part::Unfinished,
            label: self.text[start..self.at].to_owned(),
            hint: Some(format!("“{key}:” takes {}", meaning.accepts())),
        }
    }

    /// A filter's value: runs of characters and quoted runs, as in `in:Work/"My leases"`.
    fn value(&mut self, end: usize) -> String {
        let mut value = String::new();
        let mut end = end;
        while self.at < end || self.peek().is_some_and(opens_quote) {
            if self.peek().is_some_and(opens_quote) {
                value.push_str(self.quoted());
                // What follows the quote at once still belongs to the value.
                end = match self.peek() {
                    Some(c) if !c.is_whitespace() && c != ')' && c != '(' => self.word_end(),
                    _ => self.at,
                };
            } else {
                let run = &self.text[self.at..end];
                let stop = run.find(opens_quote).unwrap_or(run.len());
                value.push_str(&run[..stop]);
                self.at += stop;
            }
        }
        value
    }
}

fn word_token(typed: &str, field: Option<Field>, hint: Option<String>) -> Token {
    let stem = typed.trim_end_matches('*');
    let prefix = stem.len() < typed.len() && stem.ends_with(char::is_alphanumeric);
    let text = if prefix { stem } else { typed };
    let part = Part::Word(Word { text: text.to_owned(), prefix, field });
    Token::Part { part, label: typed.to_owned(), hint }
}

fn filter_part(filter: Filter, typed: &str) -> Token {
    Token::Part { part: Part::Filter(filter), label: typed.to_owned(), hint: None }
}

/// Not so for `https://…`, `mailto:me@…`, `C:\…`, `std::mem`, `localhost:80`.
fn looks_like_filter(key: &str, value: &str) -> bool {
    (2..=20).contains(&key.len())
        && value.starts_with(|c: char| c.is_alphanumeric() || c == '"' || c == '#')
        && !value.contains('@')
        && !value.bytes().all(|b| b.is_ascii_digit())
}

fn fold_path(path: &str) -> String {
    let names = path.split('/').map(|name| fold(name.trim()));
    names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    After,
    From,
    Before,
    Until,
}

impl Operator {
    fn length(self) -> usize {
        match self {
            Operator::Is | Operator::After | Operator::Before => 1,
            Operator::From | Operator::Until => 2,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    In(Field),
    Tag,
    Notebook,
    Kind,
    Mime,
    Created,
    Updated,
    Before,
    After,
    Is,
    Has,
    Link,
    Like,
    Due,
    Sort,
}

impl Key {
    fn find(key: &str) -> Option<Key> {
        Some(match key {
            "title" | "intitle" => Key::In(Field::Title),
            "body" => Key::In(Field::Body),
            "tag" => Key::Tag,
            "in" | "notebook" | "path" => Key::Notebook,
            "type" | "ext" => Key::Kind,
            "mime" => Key::Mime,
            "created" => Key::Created,
            "updated" => Key::Updated,
            "before" | "older_than" => Key::Before,
            "after" | "newer_than" => Key::After,
            "is" | "task" => Key::Is,
            "has" => Key::Has,
            "link" => Key::Link,
            "like" => Key::Like,
            "due" => Key::Due,
            "sort" => Key::Sort,
            _ => return None,
        })
    }

    fn accepts(self) -> &'static str {
        match self {
            Key::In(_) => "a word or a quoted phrase",
            Key::Tag => "a tag, as in tag:home/lease",
            Key::Notebook => "a notebook, as in in:Work",
            Key::Kind => "note, markdown, text, html, pdf or docx",
            Key::Mime => "a media type, as in application/pdf",
            Key::Created | Key::Updated => {
                "2026, 2026-03, 2026-03-01, a range a..b, 7d, 2w, 3m, 1y, today, yesterday or \"last week\""
            }
            Key::Before | Key::After => {
                "2026, 2026-03, 2026-03-01, 7d, 2w, 3m, 1y, today, yesterday or \"last week\""
            }
            Key::Link | Key::Like => "the name of a note, in quotes if it has spaces",
            Key::Due => {
                "today, tomorrow, overdue, 7d, \"next week\", 2026-03, 2026-03-01 or a range a..b"
            }
            Key::Is => "todo, done, pinned or trashed",
            Key::Has => "task, link, attachment or image",
            Key::Sort => "relevance, updated, created or title",
        }
    }

    /// `None`: the value is none of those accepted.
    fn read(self, value: &str, operator: Operator, clock: &Clock) -> Option<Part> {
        let word = value.to_lowercase();
        Some(Part::Filter(match self {
            Key::In(_) => return None,
            Key::Tag => Filter::Tag(
                Some(fold_path(value.trim_start_matches('#'))).filter(|t| !t.is_empty())?,
            ),
            Key::Notebook => {
                Filter::Notebook(Some(fold_path(value)).filter(|path| !path.is_empty())?)
            }
            Key::Kind => Filter::Kind(word.trim_start_matches('.').parse().ok()?),
            Key::Mime => Filter::Kind(kind_of_mime(&word)?),
            Key::Created => Filter::Created(time_range(&word, operator, clock)?),
            Key::Updated => Filter::Updated(time_range(&word, operator, clock)?),
            Key::Before => Filter::Updated(time_range(&word, Operator::Before, clock)?),
            Key::After => Filter::Updated(time_range(&word, Operator::After, clock)?),
            Key::Is => Filter::Is(match word.as_str() {
                "todo" | "open" => IsFlag::Todo,
                "done" => IsFlag::Done,
                "pinned" => IsFlag::Pinned,
                "trashed" | "trash" => IsFlag::Trashed,
                _ => return None,
            }),
            Key::Has => Filter::Has(match word.as_str() {
                "task" | "tasks" => HasFlag::Task,
                "link" | "links" => HasFlag::Link,
                "attachment" | "attachments" => HasFlag::Attachment,
                "image" | "images" => HasFlag::Image,
                _ => return None,
            }),
            Key::Link => Filter::LinksTo(Some(link_name(value)).filter(|name| !name.is_empty())?),
            Key::Like => return Some(Part::Like(value.trim().to_owned())),
            Key::Due => Filter::Due(due_range(&word, operator, clock)?),
            Key::Sort => {
                return Some(Part::Sort(match word.as_str() {
                    "relevance" => Sort::Relevance,
                    "updated" => Sort::Updated,
                    "created" => Sort::Created,
                    "title" => Sort::Title,
                    _ => return None,
                }));
            }
        }))
    }
}

fn kind_of_mime(mime: &str) -> Option<Kind> {
    Some(match mime.rsplit('/').next()? {
        "markdown" | "x-markdown" => Kind::Markdown,
        "plain" => Kind::Text,
        "html" | "xhtml+xml" => Kind::Html,
        "pdf" => Kind::Pdf,
        "vnd.openxmlformats-officedocument.wordprocessingml.document" | "docx" => Kind::Docx,
        "vnd.oasis.opendocument.text" => Kind::Odt,
        "vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Kind::Xlsx,
        "vnd.openxmlformats-officedocument.presentationml.presentation" => Kind::Pptx,
        "epub+zip" => Kind::Epub,
        "rtf" => Kind::Rtf,
        "csv" => Kind::Csv,
        "rfc822" => Kind::Eml,
        "json" => Kind::Json,
        _ => return None,
    })
}

/// A date as typed: the days it means, or a moment counted back from now.
#[derive(Clone, Copy)]
enum When {
    Days { from: Timestamp, until: Timestamp },
    Since(Timestamp),
}

impl When {
    fn start(self) -> Timestamp {
        match self {
            When::Days { from, .. } => from,
            When::Since(moment) => moment,
        }
    }

    fn end(self) -> Timestamp {
        match self {
            When::Days { until, .. } => until,
            When::Since(moment) => moment,
        }
    }
}

fn time_range(value: &str, operator: Operator, clock: &Clock) -> Option<TimeRange> {
    let range = |from, until| Some(TimeRange { from, until });
    if operator == Operator::Is
        && let Some((from, until)) = value.split_once("..")
    {
        let end = |text: &str| match text.trim_matches('.') {
            "" => Some(None),
            text => when(text, clock).map(Some),
        };
        let (from, until) = (end(from)?, end(until)?);
        return match (from, until) {
            (None, None) => None,
            (Some(a), Some(b)) if a.start() > b.start() => range(Some(b.start()), Some(a.end())),
            (from, until) => range(from.map(When::start), until.map(When::end)),
        };
    }
    let when = when(value, clock)?;
    match (operator, when) {
        (Operator::Is, When::Days { from, until }) => range(Some(from), Some(until)),
        (Operator::Is, When::Since(moment)) => range(Some(moment), None),
        (Operator::After, when) => range(Some(when.end()), None),
        (Operator::From, when) => range(Some(when.start()), None),
        (Operator::Before, when) => range(None, Some(when.start())),
        (Operator::Until, when) => range(None, Some(when.end())),
    }
}

/// Days on which a task may be due. Spans count forward here: `7d` is today and the seven days after.
fn due_range(value: &str, operator: Operator, clock: &Clock) -> Option<DayRange> {
    let offset = clock_offset(clock);
    let today = local_now(clock)?.date();
    let next = |date: civil::Date| Some(date.tomorrow().ok()?.to_string());
    if value == "overdue" {
        return Some(DayRange { from: None, until: Some(today.to_string()) });
    }
    if let Some(span) = span_of(value) {
        let until = next(today.checked_add(span?).ok()?);
        return Some(DayRange { from: Some(today.to_string()), until });
    }
    let TimeRange { from, until } = time_range(value, operator, clock)?;
    let day = |moment: Timestamp| {
        let moment = Instant::from_millisecond(moment.0).ok()?;
        Some(offset.to_datetime(moment).date().to_string())
    };
    Some(DayRange { from: from.and_then(day), until: until.and_then(day) })
}

fn clock_offset(clock: &Clock) -> Offset {
    Offset::from_seconds(clock.utc_offset).unwrap_or(Offset::UTC)
}

fn local_now(clock: &Clock) -> Option<civil::DateTime> {
    let now = Instant::from_millisecond(clock.now.0).ok()?;
    Some(clock_offset(clock).to_datetime(now))
}

/// `7d`, `2w` and so on; `Some(None)`: of that form, but no such span.
fn span_of(text: &str) -> Option<Option<Span>> {
    let unit = text.chars().next_back().filter(char::is_ascii_alphabetic)?;
    let number: i64 = text[..text.len() - 1].parse().ok().filter(|n| *n >= 0)?;
    let span = match unit {
        'h' => Span::new().try_hours(number),
        'd' => Span::new().try_days(number),
        'w' => Span::new().try_weeks(number),
        'm' => Span::new().try_months(number),
        'y' => Span::new().try_years(number),
        _ => return None,
    };
    Some(span.ok())
}

/// The week (from Monday), month or year that `this`, `last` or `next` means.
fn calendar(text: &str, today: civil::Date) -> Option<(civil::Date, civil::Date)> {
    let (which, unit) = text.split_once([' ', '-', '_'])?;
    let steps = match which {
        "this" => 0,
        "last" | "past" => -1,
        "next" => 1,
        _ => return None,
    };
    let (start, span) = match unit {
        "week" => {
            let since_monday = i64::from(today.weekday().to_monday_zero_offset());
            (today.checked_sub(Span::new().days(since_monday)).ok()?, Span::new().weeks(1))
        }
        "month" => (today.first_of_month(), Span::new().months(1)),
        "year" => (today.first_of_year(), Span::new().years(1)),
        _ => return None,
    };
    let first = start.checked_add(span.checked_mul(steps).ok()?).ok()?;
    Some((first, first.checked_add(span).ok()?))
}

fn when(text: &str, clock: &Clock) -> Option<When> {
    let offset = clock_offset(clock);
    let now = local_now(clock)?;
    let days = |first: civil::Date, next: civil::Date| {
        Some(When::Days { from: midnight(first, offset)?, until: midnight(next, offset)? })
    };
    match text {
        "today" => return days(now.date(), now.date().tomorrow().ok()?),
        "yesterday" => return days(now.date().yesterday().ok()?, now.date()),
        "tomorrow" => {
            let tomorrow = now.date().tomorrow().ok()?;
            return days(tomorrow, tomorrow.tomorrow().ok()?);
        }
        _ => {}
    }
    if let Some((first, next)) = calendar(text, now.date()) {
        return days(first, next);
    }
    if let Some(span) = span_of(text) {
        let then = now.checked_sub(span?).ok().filter(|then| then.year() > 0)?;
        return Some(When::Since(Timestamp(offset.to_timestamp(then).ok()?.as_millisecond())));
    }
    let mut numbers = text.split(['-', '/']).map(|part| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<i16>().ok() } else { None }
    });
    let year = numbers
        .next()?
        .filter(|_| text.len() >= 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit))?;
    let small = |part: Option<Option<i16>>| match part {
        Some(number) => Some(Some(i8::try_from(number?).ok()?)),
        None => Some(None),
    };
    let (month, day) = (small(numbers.next())?, small(numbers.next())?);
    if numbers.next().is_some() {
        return None;
    }
    let first = civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
    let length = match (month, day) {
        (None, _) => Span::new().years(1),
        (_, None) => Span::new().months(1),
        _ => Span::new().days(1),
    };
    days(first, first.checked_add(length).ok()?)
}

fn midnight(date: civil::Date, offset: Offset) -> Option<Timestamp> {
    let moment = offset.to_timestamp(date.to_datetime(civil::Time::midnight())).ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

/// One pair of parentheses, or the whole query.
#[derive(Default)]
struct Level {
    /// Branches of `OR` that are done.
    branches: Vec<Expr>,
    /// Sides of explicit `AND`s that are done, of the branch being read.
    sides: Vec<Expr>,
    /// What stands side by side.
    parts: Vec<Expr>,
    /// Where in `parts` the group of bare words is.
    words_at: Option<usize>,
    /// The `NOT` before this level's parenthesis.
    not: Option<usize>,
    /// Chips made before this level: a negated group has one chip for all of it.
    chips_before: usize,
}

impl Level {
    fn end_side(&mut self) {
        self.words_at = None;
        self.sides.append(&mut self.parts);
    }

    fn end_branch(&mut self) {
        self.end_side();
        let sides = std::mem::take(&mut self.sides);
        self.branches.extend(join(sides, Expr::And));
    }

    fn finish(mut self) -> Option<Expr> {
        self.end_branch();
        join(self.branches, Expr::Or)
    }
}

/// One expression of several; `None` of none. Groups of the same sort are laid flat.
fn join(parts: Vec<Expr>, group: fn(Vec<Expr>) -> Expr) -> Option<Expr> {
    let is_and = matches!(group(Vec::new()), Expr::And(_));
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::And(inner) if is_and => flat.extend(inner),
            Expr::Or(inner) if !is_and => flat.extend(inner),
            part => flat.push(part),
        }
    }
    match flat.len() {
        0 | 1 => flat.pop(),
        _ => Some(group(flat)),
    }
}

fn build(text: &str, tokens: Vec<Spanned>) -> Parsed {
    let mut parsed = Parsed {
        expr: Expr::All,
        sort: Sort::Relevance,
        like: None,
        chips: Vec::new(),
        asked: Vec::new(),
    };
    let mut levels = vec![Level::default()];
    // Start of the `NOT` that waits for its part.
    let mut not: Option<usize> = None;
    let mut ignored_opens = 0usize;
    let mut negated_levels = 0usize;

    for Spanned { token, range } in tokens {
        let depth = levels.len();
        let level = levels.last_mut().expect("the outermost level is never closed");
        match token {
            Token::Not => not = not.or(Some(range.start)),
            Token::Or => {
                not = None;
                level.end_branch();
            }
            Token::And => {
                not = None;
                level.end_side();
            }
            Token::Open if depth > MAX_DEPTH => ignored_opens += 1,
            Token::Open => {
                let not = not.take();
                negated_levels += usize::from(not.is_some());
                let chips_before = parsed.chips.len();
                levels.push(Level { not, chips_before, ..Level::default() });
            }
            Token::Close if ignored_opens > 0 => ignored_opens -= 1,
            Token::Close => {
                not = None;
                close(text, &mut levels, range.end, &mut parsed, &mut negated_levels);
            }
            Token::Part { part, label, hint } => {
                let start = not.unwrap_or(range.start);
                let is_bare = matches!(part, Part::Word(Word { field: None, .. }));
                let negated = not.take().is_some();
                if !is_bare || negated || hint.is_some() {
                    let label = if negated { format!("−{label}") } else { label };
                    parsed.chips.push(Chip { label, range: start..range.end, hint });
                }
                let asked = match &part {
                    Part::Word(word) => Some(&word.text),
                    Part::Phrase { text, .. } => Some(text),
                    _ => None,
                };
                if let Some(asked) = asked
                    && !negated
                    && negated_levels == 0
                {
                    parsed.asked.push((range.start, asked.clone()));
                }
                match part {
                    Part::Like(name) if !negated && negated_levels == 0 => parsed.like = Some(name),
                    part => add(level, part, negated, &mut parsed.sort),
                }
            }
        }
    }
    while levels.len() > 1 {
        close(text, &mut levels, text.trim_end().len(), &mut parsed, &mut negated_levels);
    }
    let outermost = levels.pop().expect("the outermost level is never closed");
    parsed.expr = outermost.finish().unwrap_or(Expr::All);
    parsed
}

fn add(level: &mut Level, part: Part, negated: bool, sort: &mut Sort) {
    let expr = match part {
        // A negated `like:` means nothing.
        Part::Unfinished | Part::Like(_) => return,
        Part::Sort(by) => {
            if !negated {
                *sort = by;
            }
            return;
        }
        Part::Word(word) if word.field.is_none() && !negated => {
            if let Some(Expr::Words(words)) = level.words_at.and_then(|at| level.parts.get_mut(at))
            {
                words.push(word);
                return;
            }
            level.words_at = Some(level.parts.len());
            Expr::Words(vec![word])
        }
        Part::Word(word) => Expr::Words(vec![word]),
        Part::Phrase { text, slop, field } => Expr::Phrase { text, slop, field },
        Part::Filter(filter) => Expr::Filter(filter),
    };
    level.parts.push(if negated { Expr::Not(Box::new(expr)) } else { expr });
}

fn close(
    text: &str,
    levels: &mut Vec<Level>,
    end: usize,
    parsed: &mut Parsed,
    negated_levels: &mut usize,
) {
    if levels.len() < 2 {
        return;
    }
    let mut level = levels.pop().expect("checked above");
    let outer = levels.last_mut().expect("checked above");
    let not = level.not.take();
    let chips_before = level.chips_before;
    let inner = level.finish();
    let Some(start) = not else {
        match inner {
            // Prose has parentheses too: only what stands in them beside operators is a part of its own.
            Some(Expr::Words(words)) if words.iter().all(|word| word.field.is_none()) => {
                for word in words {
                    add(outer, Part::Word(word), false, &mut parsed.sort);
                }
            }
            inner => outer.parts.extend(inner),
        }
        return;
    };
    *negated_levels -= 1;
    let Some(inner) = inner else { return };
    parsed.chips.truncate(chips_before);
    let typed = &text[start..end];
    let group = typed.strip_prefix('-').or_else(|| typed.strip_prefix("NOT")).unwrap_or(typed);
    parsed.chips.push(Chip {
        label: format!("−{}", group.trim_start()),
        range: start..end,
        hint: None,
    });
    outer.parts.push(Expr::Not(Box::new(inner)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-09-21 13:30 UTC, 15:30 where the person is.
    const CLOCK: Clock = Clock { now: Timestamp(1_789_997_400_000), utc_offset: 7200 };

    fn show(expr: &Expr) -> String {
        let list = |name: &str, parts: &[Expr]| {
            format!("{name}[{}]", parts.iter().map(show).collect::<Vec<_>>().join(", "))
        };
        let field = |field: &Option<Field>| match field {
            None => "",
            Some(Field::Title) => "title:",
            Some(Field::Body) => "body:",
        };
        match expr {
            Expr::All => "all".into(),
            Expr::Words(words) => words
                .iter()
                .map(|w| {
                    format!("{}{}{}", field(&w.field), w.text, if w.prefix { "*" } else { "" })
                })
                .collect::<Vec<_>>()
                .join("+"),
            Expr::Phrase { text, slop, field: f } => format!("{}'{text}'~{slop}", field(f)),
            Expr::Filter(Filter::Created(range)) => format!("created {}", show_range(range)),
            Expr::Filter(Filter::Updated(range)) => format!("updated {}", show_range(range)),
            Expr::Filter(filter) => format!("{filter:?}"),
            Expr::And(parts) => list("And", parts),
            Expr::Or(parts) => list("Or", parts),
            Expr::Not(part) => format!("-{}", show(part)),
        }
    }

    /// Local times, without midnight.
    fn show_range(range: &TimeRange) -> String {
        let end = |end: Option<Timestamp>| {
            end.map_or(String::new(), |moment| {
                let moment = Instant::from_millisecond(moment.0 + 7_200_000).unwrap();
                Offset::UTC.to_datetime(moment).to_string().replace("T00:00:00", "")
            })
        };
        format!("{}..{}", end(range.from), end(range.until))
    }

    #[track_caller]
    fn check(text: &str, tree: &str) {
        assert_eq!(show(&parse(text, false, &CLOCK).expr), tree, "{text}");
    }

    #[test]
    fn words_and_groups() {
        check("", "all");
        check("  \t", "all");
        check("landlord deposit", "landlord+deposit");
        check("landlord tag:home deposit", "And[landlord+deposit, Tag(\"home\")]");
        check("tag:home landlord", "And[Tag(\"home\"), landlord]");
        check("a AND b", "And[a, b]");
        check("a b AND c d", "And[a+b, c+d]");
        check("a OR b c", "Or[a, b+c]");
        check("a OR b OR c AND d", "Or[a, b, And[c, d]]");
        check("(a OR b) c", "And[Or[a, b], c]");
        check("((a))", "a");
        check("a (b c) d", "a+b+c+d");
        check("a (b OR c) d", "And[a+d, Or[b, c]]");
        check("a or b and not c", "a+or+b+and+not+c");
        check("lease*", "lease*");
        check("***", "***");
        check("a & b", "a+b");
        check("a -& b", "a+b");
        check("&", "&");
    }

    #[test]
    fn negation() {
        check("-draft", "-draft");
        check("a -b", "And[a, -b]");
        check("a NOT b c", "And[a+c, -b]");
        check("-\"a b\" -tag:x", "And[-'a b'~0, -Tag(\"x\")]");
        check("-(a OR b) c", "And[-Or[a, b], c]");
        check("--release", "--release");
        check("a - b", "a+b");
        check("-", "-");
        check("well-known", "well-known");
    }

    #[test]
    fn operators_in_odd_places() {
        check("OR", "OR");
        check("NOT", "NOT");
        check("a OR", "a");
        check("OR a", "a");
        check("a AND OR b", "Or[a, b]");
        check("a NOT", "a");
        check("(a", "a");
        check("a) b", "a+b");
        check(")(", "all");
        check("()", "all");
        check("-()", "all");
        check("a (OR) b", "a+b");
    }

    #[test]
    fn phrases() {
        check("\"the deposit\"", "'the deposit'~0");
        check("\"the deposit\"~5 x", "And['the deposit'~5, x]");
        check("\"a b\"~", "'a b'~0");
        check("\"a b\"~99999999999999", "'a b'~1000");
        check("\"open end", "'open end'~0");
        check("\"\" x", "x");
        check("“curly quotes”", "'curly quotes'~0");
        check("a\"b c\"", "a\"b+c\"");
        check("title:\"a b\"~2", "title:'a b'~2");
        check("12\" disk", "12\"+disk");
    }

    #[test]
    fn what_looks_like_a_filter_but_is_text() {
        check("https://x.org/a?b#c", "https://x.org/a?b#c");
        check("10:30 C++ C# .net", "10:30+C+++C#+.net");
        check("me@x.org mailto:me@x.org", "me@x.org+mailto:me@x.org");
        check("foo:bar std::mem a>b <html>", "foo:bar+std::mem+a>b+<html>");
        check("dew:today lint:\"a b\" lake:x", "And[dew:today+lake:x, 'a b'~0]");
        check("updated:\"first week\"", "'first week'~0");
        check("is:open is:odd", "And[Is(Todo), is:odd]");
        check("#1 #", "#1");
        check("print(x) f(", "print(x)+f(");
        check("title:", "all");
        check("a tag: b", "a+b");
    }

    #[test]
    fn fields_and_filters() {
        check("title:foo body:bar intitle:x*", "And[title:foo, body:bar, title:x*]");
        check("#Home/Lease tag:#Über/", "And[Tag(\"home/lease\"), Tag(\"uber\")]");
        check("in:\"My Work\"/Leases", "Notebook(\"my work/leases\")");
        check("notebook:/A//B/ path:c", "And[Notebook(\"a/b\"), Notebook(\"c\")]");
        check("type:pdf ext:.MD mime:text/plain", "And[Kind(Pdf), Kind(Markdown), Kind(Text)]");
        check(
            "is:done is:pinned is:trashed task:open",
            "And[Is(Done), Is(Pinned), Is(Trashed), Is(Todo)]",
        );
        check(
            "has:task has:link has:attachment has:image",
            "And[Has(Task), Has(Link), Has(Attachment), Has(Image)]",
        );
        check("(tag:a OR tag:b) x", "And[Or[Tag(\"a\"), Tag(\"b\")], x]");
        check("TAG:x", "Tag(\"x\")");
        let sorted = parse("a sort:title", false, &CLOCK);
        assert_eq!((show(&sorted.expr).as_str(), sorted.sort), ("a", Sort::Title));
    }

    #[test]
    fn days_due() {
        for (text, from, until) in [
            ("due:today", Some("2026-09-21"), Some("2026-09-22")),
            ("due:tomorrow", Some("2026-09-22"), Some("2026-09-23")),
            ("due:overdue", None, Some("2026-09-21")),
            ("due:7d", Some("2026-09-21"), Some("2026-09-29")),
            ("due:\"next week\"", Some("2026-09-28"), Some("2026-10-05")),
            ("due<2026-03", None, Some("2026-03-01")),
            ("due>=2026-03-05", Some("2026-03-05"), None),
            ("due:2026-03..2026-04", Some("2026-03-01"), Some("2026-05-01")),
        ] {
            let days = DayRange { from: from.map(str::to_owned), until: until.map(str::to_owned) };
            assert_eq!(parse(text, false, &CLOCK).expr, Expr::Filter(Filter::Due(days)), "{text}");
        }
        assert!(parse("due:never", false, &CLOCK).chips[0].hint.is_some());
    }

    #[test]
    fn names_of_notes() {
        check("link:\"Folder/My Lease.md\" link:x", "And[LinksTo(\"my lease\"), LinksTo(\"x\")]");
        let like = parse("rent like:\"My Lease\"", false, &CLOCK);
        assert_eq!((show(&like.expr).as_str(), like.like.as_deref()), ("rent", Some("My Lease")));
        assert_eq!(like.chips[0].label, "like:\"My Lease\"");
        assert_eq!(parse("-like:x", false, &CLOCK).like, None);
    }

    #[test]
    fn dates() {
        for (text, range) in [
            ("created:2026", "created 2026-01-01..2027-01-01"),
            ("created:2026-03", "created 2026-03-01..2026-04-01"),
            ("updated:2026-02-28", "updated 2026-02-28..2026-03-01"),
            ("updated:2026/2/28", "updated 2026-02-28..2026-03-01"),
            ("updated:2026-01..2026-03", "updated 2026-01-01..2026-04-01"),
            ("updated:2026-03..2026-01", "updated 2026-01-01..2026-04-01"),
            ("updated:2026..", "updated 2026-01-01.."),
            ("updated:..2026", "updated ..2027-01-01"),
            ("updated:30d..7d", "updated 2026-08-22T15:30:00..2026-09-14T15:30:00"),
            ("updated:7d", "updated 2026-09-14T15:30:00.."),
            ("updated:2w", "updated 2026-09-07T15:30:00.."),
            ("updated:3m", "updated 2026-06-21T15:30:00.."),
            ("updated:1y", "updated 2025-09-21T15:30:00.."),
            ("updated:today", "updated 2026-09-21..2026-09-22"),
            ("updated:Yesterday", "updated 2026-09-20..2026-09-21"),
            ("updated>2026-03", "updated 2026-04-01.."),
            ("updated>=2026-03", "updated 2026-03-01.."),
            ("updated<2026-03", "updated ..2026-03-01"),
            ("created<=2026-03", "created ..2026-04-01"),
            ("before:2026-03-01", "updated ..2026-03-01"),
            ("after:2026-03-01", "updated 2026-03-02.."),
            ("updated:\"last week\"", "updated 2026-09-14..2026-09-21"),
            ("updated:this-month", "updated 2026-09-01..2026-10-01"),
            ("created:\"last year\"", "created 2025-01-01..2026-01-01"),
            ("updated<\"this week\"", "updated ..2026-09-21"),
            ("newer_than:7d", "updated 2026-09-14T15:30:00.."),
            ("older_than:1y", "updated ..2025-09-21T15:30:00"),
        ] {
            check(text, range);
        }
        for text in [
            "updated:2026-13",
            "updated:2026-02-30",
            "updated:..",
            "updated:soon",
            "updated:26",
            "updated:99999999999d",
            "updated:9999y",
            "updated:-7d",
            "updated:2026-03-01-01",
            "updated:é",
            "updated:3é",
            "updated:2026-",
            "created:12345",
            "before:1..2",
            "updated:9999",
        ] {
            check(text, text);
            let chips = parse(text, false, &CLOCK).chips;
            assert!(chips.len() == 1 && chips[0].hint.is_some(), "{text}: {chips:?}");
        }
    }

    #[test]
    fn the_last_word_being_typed_is_a_prefix() {
        for (text, tree) in [
            ("lan", "lan*"),
            ("lan ", "lan"),
            ("big lan", "big+lan*"),
            ("title:lan", "title:lan*"),
            ("a -lan", "And[a, -lan]"),
            ("\"a lan", "'a lan'~0"),
            ("(a lan", "a+lan*"),
            ("foo:ba", "foo:ba*"),
        ] {
            assert_eq!(show(&parse(text, true, &CLOCK).expr), tree, "{text}");
        }
    }

    #[test]
    fn chips() {
        for (text, labels) in [
            ("plain words", &[][..]),
            ("a tag:home -draft \"the deposit\"", &["tag:home", "−draft", "\"the deposit\""]),
            ("NOT tag:x -(a \"b\") sort:title", &["−tag:x", "−(a \"b\")", "sort:title"]),
            ("\"open end", &["\"open end\""]),
            ("title:foo \"a b\"~3", &["title:foo", "\"a b\"~3"]),
            ("re:lease tag:", &["re:lease", "tag:"]),
            ("link:\"a b\" updated:\"last week\"", &["link:\"a b\"", "updated:\"last week\""]),
            ("Re: lease localhost:80 C:\\x", &[]),
        ] {
            let query = parse(text, false, &CLOCK);
            let found: Vec<_> = query.chips.iter().map(|chip| chip.label.as_str()).collect();
            assert_eq!(found, labels, "{text}");
        }
        let chips = parse("foo:bar is:odd", false, &CLOCK).chips;
        assert!(chips[0].hint.as_deref().is_some_and(|hint| hint.contains("no filter")));
        assert!(chips[1].hint.as_deref().is_some_and(|hint| hint.contains("pinned")));
    }

    #[test]
    fn hostile_input_is_bounded() {
        let many = 100_000;
        for text in [
            "(".repeat(many),
            "(a ".repeat(many),
            "-(a ".repeat(many),
            ")".repeat(many),
            "a OR (b AND ".repeat(many),
            "-".repeat(many),
            "- ".repeat(many),
            "NOT ".repeat(many),
            "\"".repeat(many),
            "tag:\"".repeat(many),
            "a(".repeat(many),
            "#".repeat(many),
            "OR ".repeat(many),
            "tag:x".repeat(many),
        ] {
            let query = parse(&text, true, &CLOCK);
            let mut deepest = 0;
            let mut waiting = vec![(&query.expr, 1)];
            while let Some((expr, depth)) = waiting.pop() {
                deepest = deepest.max(depth);
                match expr {
                    Expr::And(parts) | Expr::Or(parts) => {
                        waiting.extend(parts.iter().map(|part| (part, depth + 1)));
                    }
                    Expr::Not(part) => waiting.push((part, depth + 1)),
                    _ => {}
                }
            }
            assert!(deepest <= 3 * MAX_DEPTH + 3, "{deepest} levels");
            query.meaning_text();
        }
    }

    fn well_formed() -> impl Strategy<Value = Vec<&'static str>> {
        proptest::collection::vec(
            prop::sample::select(vec![
                "word",
                "über",
                "tag:home",
                "-draft",
                "\"the deposit\"",
                "\"a b\"~2",
                "#x/y",
                "-(a OR \"b\")",
                "NOT tag:z",
                "title:x",
                "body:\"p q\"",
                "updated:7d",
                "foo:bar",
                "is:odd",
                "in:\"My Work\"",
                "-\"no\"",
                "日本語",
                "sort:title",
            ]),
            0..8,
        )
    }

    proptest! {
        #[test]
        fn any_text_gives_a_query(text in "(\\PC|[ ()\"*#:~<>.-]|tag:|OR |NOT |updated:|2026-0|\"){0,40}", typing: bool) {
            let query = parse(&text, typing, &CLOCK);
            let mut end = 0;
            for chip in &query.chips {
                prop_assert!(chip.range.start >= end && chip.range.start < chip.range.end);
                prop_assert!(text.get(chip.range.clone()).is_some());
                end = chip.range.end;
            }
            query.filter_expr();
            query.is_quoted();
            query.meaning_text();
        }

        #[test]
        fn cutting_a_chip_removes_it_and_nothing_else(parts in well_formed()) {
            let text = parts.join(" ");
            let chips = parse(&text, false, &CLOCK).chips;
            for (index, chip) in chips.iter().enumerate() {
                let mut cut = text.clone();
                cut.replace_range(chip.range.clone(), "");
                let left: Vec<_> = parse(&cut, false, &CLOCK).chips.into_iter().map(|c| (c.label, c.hint)).collect();
                let mut expected: Vec<_> = chips.iter().map(|c| (c.label.clone(), c.hint.clone())).collect();
                expected.remove(index);
                prop_assert_eq!(left, expected);
            }
        }
    }
}
