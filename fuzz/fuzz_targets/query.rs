//! Any text gives a query, and what the query says of its text is true of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use note::{Clock, Timestamp};

fuzz_target!(|input: (bool, &str)| {
    let (typing, text) = input;
    let clock = Clock { now: Timestamp(1_789_997_400_000), utc_offset: 3600 };
    let query = note::parse(text, typing, &clock);
    assert_eq!(query.text, text);
    let mut end = 0;
    for chip in &query.chips {
        assert!(text.get(chip.range.clone()).is_some(), "a chip is a part of the text");
        assert!(chip.range.start >= end, "chips follow each other");
        end = chip.range.end;
    }
    // What is derived from a query is total too; parsing is deterministic.
    let again = note::parse(text, typing, &clock);
    assert_eq!(query, again);
    let _ = (query.filter_expr(), query.meaning_text(), query.is_quoted());
});
