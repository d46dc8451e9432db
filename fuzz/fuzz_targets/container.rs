//! Readers of files that hold many notes: the first byte chooses one, the rest is its input.

#![no_main]

use std::collections::HashSet;
use std::io::Cursor;
use std::ops::ControlFlow;

use extract::{Item, Tree, TreeFile, read_container, read_exports};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] =
    ["x.enex", "x.mbox", "x.zip", "x.jex", "x.jsonl", "x.json", "x.textpack", "x.bear2bk"];

/// One text under the names by which apps are known.
struct Folder<'a> {
    files: Vec<TreeFile>,
    bytes: &'a [u8],
}

impl Tree for Folder<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&mut self, _at: usize) -> Result<Vec<u8>, String> {
        Ok(self.bytes.to_vec())
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let mut paths = HashSet::new();
    let mut visit = |item: Item| {
        assert!(!item.path.starts_with('/') && !item.path.split('/').any(|part| part == ".."));
        assert!(paths.insert(item.path));
        ControlFlow::Continue(())
    };
    let choice = usize::from(*choice);
    if choice < 128 {
        drop(read_container(NAMES[choice % NAMES.len()], &mut Cursor::new(bytes), &mut visit));
        return;
    }
    let names = [
        "0123456789abcdef0123456789abcdef.md",
        "g/logseq/config.edn",
        "g/pages/a.md",
        "g/journals/2024_01_01.md",
        "b.textbundle/text.md",
        "b.textbundle/info.json",
        "Page 152bb52ee2b580179846fd78b2b60ea9.md",
        "Base 252bb52ee2b580179846fd78b2b60ea9.csv",
        "Web 352bb52ee2b580179846fd78b2b60ea9.html",
        "Keep/a.json",
        "Keep/a.html",
        "notes.json",
    ];
    let file = |path: &&str| TreeFile {
        path: (*path).to_owned(),
        size: bytes.len() as u64,
        modified_ms: None,
        refused: None,
    };
    let mut tree = Folder { files: names.iter().map(file).collect(), bytes };
    drop(read_exports("x", &mut tree, &mut visit));
});
