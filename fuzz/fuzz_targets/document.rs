//! Readers of single documents that are our own: the first byte chooses one, the rest is its input.

#![no_main]

use extract::{Input, extract};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 9] =
    ["x.org", "x.rst", "x.rtf", "x.html", "x.md", "x.txt", "x.json", "x.ipynb", "x.opml"];

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let file_name = NAMES[usize::from(*choice) % NAMES.len()];
    if let Ok(read) = extract(&Input { file_name, bytes }) {
        assert!(!read.body.contains(['\r', '\0']));
    }
});
