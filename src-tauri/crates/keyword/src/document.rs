//! Note → what is indexed of it: four fields, each a list of terms with one term a line. The disk
//! index and the notes in memory are both built from these lines, so they agree by construction.

use std::collections::BTreeMap;

use note::{Kind, NoteId, Timestamp};
use rustc_hash::FxHashSet;

use crate::analysis::{Shape, Tokenizer};
use crate::language::{Languages, Stems, TextLanguage, stop_word_languages};

/// The indexed form of one note, as the engine hands it over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoteDocument {
    pub id: NoteId,
    pub title: String,
    /// The headings of the body once more, one a line: words in them weigh more.
    pub headings: String,
    /// All tags, without `#`, `/` for nesting.
    pub tags: Vec<String>,
    /// Path with `/` between the names, empty for none.
    pub notebook: String,
    pub kind: Kind,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub pinned: bool,
    pub trashed: bool,
    pub has_task: bool,
    pub has_open_task: bool,
    pub has_link: bool,
    pub has_attachment: bool,
    pub has_image: bool,
    /// Names of the notes that it links to, as [`note::link_name`] gives them.
    pub links: Vec<String>,
    /// Days on which its open tasks are due, as `YYYY-MM-DD`.
    pub due: Vec<String>,
    /// Plain text of the body, headings included.
    pub text: String,
}

/// Where a term stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pool {
    /// Folded words of the body, with positions.
    Text,
    /// Folded words of the title, with positions.
    Title,
    /// Stems that differ from their word, and words of headings and tags; see [`stem_term`].
    Stem,
    /// What filters look up; see [`Facet`].
    Filter,
}

impl Pool {
    pub(crate) const ALL: [Pool; 4] = [Pool::Text, Pool::Title, Pool::Stem, Pool::Filter];
}

/// Part of the note that a term of [`Pool::Stem`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Body,
    Title,
    /// Headings and tags.
    Label,
}

/// The term of a stem: its origin, its language, the stem. Without a language: a word as it is.
pub(crate) fn stem_term(origin: Origin, language: &str, stem: &str) -> String {
    let mut term = String::with_capacity(stem.len() + 3);
    push_stem_term(&mut term, origin, language, stem);
    term
}

fn push_stem_term(out: &mut String, origin: Origin, language: &str, stem: &str) {
    out.push(match origin {
        Origin::Body => 'b',
        Origin::Title => 't',
        Origin::Label => 'l',
    });
    out.push_str(if language.is_empty() { "--" } else { language });
    out.push_str(stem);
}

/// Terms of [`Pool::Filter`].
pub(crate) enum Facet<'a> {
    Id(NoteId),
    /// Folded; indexed for the tag and each above it.
    Tag(&'a str),
    /// Folded; indexed for the notebook and each above it.
    Notebook(&'a str),
    Kind(Kind),
    /// The words of the title, joined by spaces.
    Title(&'a str),
    /// A language that stems were made by.
    Language(&'static str),
    /// The code of the language that most words are in.
    Mostly(&'a str),
    Pinned,
    Trashed,
    Task,
    OpenTask,
    Link,
    Attachment,
    Image,
    /// The folded name of a note that is linked to.
    LinksTo(&'a str),
    /// A day on which an open task is due, as `YYYY-MM-DD`.
    Due(&'a str),
}

impl Facet<'_> {
    pub(crate) fn term(&self) -> String {
        match self {
            Facet::Id(id) => format!("i{id}"),
            Facet::Tag(tag) => format!("t{}", one_line(tag)),
            Facet::Notebook(path) => format!("n{}", one_line(path)),
            Facet::Kind(kind) => format!("k{kind}"),
            Facet::Title(words) => {
                /// Longer titles are told apart by their beginning; nobody types them whole.
                const MAX: usize = 400;
                format!("={}", &words[..words.floor_char_boundary(MAX)])
            }
            Facet::Language(code) => format!("l{code}"),
            Facet::Mostly(code) => format!("m{code}"),
            Facet::Pinned => "!pinned".to_owned(),
            Facet::Trashed => "!trashed".to_owned(),
            Facet::Task => "!task".to_owned(),
            Facet::OpenTask => "!open".to_owned(),
            Facet::Link => "!link".to_owned(),
            Facet::Attachment => "!attachment".to_owned(),
            Facet::Image => "!image".to_owned(),
            Facet::LinksTo(name) => format!("@{}", one_line(name)),
            Facet::Due(day) => format!("d{}", one_line(day)),
        }
    }
}

fn one_line(path: &str) -> String {
    path.replace(['\n', '\r'], " ")
}

/// The lines of one note.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) id: NoteId,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) trashed: bool,
    /// Folded title, what titles are sorted by.
    pub(crate) sort_title: String,
    /// Words of title and body that are no stop words: what scores take for the note's length.
    pub(crate) length: u32,
    pub(crate) languages: Languages,
    pools: [String; 4],
}

impl Lines {
    pub(crate) fn pool(&self, pool: Pool) -> &str {
        &self.pools[pool as usize]
    }

    pub(crate) fn into_pools(self) -> [String; 4] {
        self.pools
    }
}

/// Makes lines of notes; remembers forms and stems between them.
#[derive(Default)]
pub(crate) struct Analyser {
    tokenizer: Tokenizer,
    stems: Stems,
    words: Words,
}

/// The words of one text, as far as they matter for stems.
#[derive(Default)]
struct Words {
    marks: Vec<Languages>,
    shapes: Vec<Shape>,
    /// Lower-case forms that differ from the folded ones, by index.
    accented: Vec<(usize, Box<str>)>,
}

impl Words {
    fn clear(&mut self) {
        self.marks.clear();
        self.shapes.clear();
        self.accented.clear();
    }
}

impl Analyser {
    pub(crate) fn analyse(&mut self, note: &NoteDocument) -> Lines {
        let mut text = String::with_capacity(note.text.len() + 16);
        let mut title = String::with_capacity(note.title.len() + 16);
        let mut stem = String::with_capacity(note.text.len() / 2);
        let mut length = 0;
        let mut languages = Languages::default();

        self.words.clear();
        self.read(&note.title, &mut title);
        let title_end = self.words.marks.len();
        self.read(&note.text, &mut text);
        let language = TextLanguage::detect(&note.text, self.words.marks.iter().copied());
        let mut tally = Tally::default();
        let title_words = title.lines().zip(0..title_end);
        let body_words = text.lines().zip(title_end..);
        let mut accented = self.words.accented.iter().peekable();
        for (origin, (word, index)) in title_words
            .map(|word| (Origin::Title, word))
            .chain(body_words.map(|word| (Origin::Body, word)))
        {
            let lower = match accented.peek() {
                Some((at, lower)) if *at == index => {
                    accented.next();
                    lower
                }
                _ => word,
            };
            tally.add(self.words.shapes[index], lower, language);
            if language.is_stop_word(self.words.marks[index]) {
                continue;
            }
            let shape = self.words.shapes[index];
            // The last character of a run counts in its last pair.
            let counted = shape == Shape::Last
                && index
                    .checked_sub(1)
                    .is_some_and(|before| self.words.shapes[before] == Shape::Pair);
            length += u32::from(!counted);
            if shape == Shape::Word
                && let Some(language) = language.of_word(lower)
            {
                languages.insert(language);
                let stemmed = self.stems.stem(language, lower);
                if stemmed != word {
                    push_stem_term(&mut stem, origin, language.code(), stemmed);
                    stem.push('\n');
                }
            }
        }
        for label in std::iter::once(&note.headings).chain(&note.tags) {
            self.tokenizer.tokenize(label, |token| {
                push_stem_term(&mut stem, Origin::Label, "", token.text);
                stem.push('\n');
                if token.shape == Shape::Word
                    && let Some(language) = language.of_word(token.lower)
                {
                    let stemmed = self.stems.stem(language, token.lower);
                    if stemmed != token.text {
                        languages.insert(language);
                        push_stem_term(&mut stem, Origin::Label, language.code(), stemmed);
                        stem.push('\n');
                    }
                }
            });
        }
        let filter = facet_lines(note, &title, languages, tally.language());
        Lines {
            id: note.id,
            created: note.created,
            updated: note.updated,
            trashed: note.trashed,
            sort_title: sort_title(&note.title),
            length,
            languages,
            pools: [text, title, stem, filter],
        }
    }

    /// Appends the folded words of `text` to `out`, and what stemming needs to `self.words`.
    fn read(&mut self, text: &str, out: &mut String) {
        let words = &mut self.words;
        self.tokenizer.tokenize(text, |token| {
            out.push_str(token.text);
            out.push('\n');
            if token.lower != token.text {
                words.accented.push((words.marks.len(), token.lower.into()));
            }
            words.marks.push(stop_word_languages(token.lower));
            words.shapes.push(token.shape);
        });
    }
}

/// The words of a title as [`Facet::Title`] has them, from its lines.
pub(crate) fn title_words(lines: &str) -> String {
    lines.trim_end_matches('\n').replace('\n', " ")
}

fn sort_title(title: &str) -> String {
    /// Titles that agree so far are in order of their notes.
    const MAX: usize = 96;
    let folded = note::fold(title.trim());
    folded[..folded.floor_char_boundary(MAX)].to_owned()
}

/// How many words of a note are in which language.
#[derive(Default)]
struct Tally {
    known: BTreeMap<&'static str, u32>,
    /// In languages that are not told apart.
    others: u32,
}

impl Tally {
    fn add(&mut self, shape: Shape, lower: &str, language: TextLanguage) {
        if lower.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        match language.of_word(lower).filter(|_| shape == Shape::Word) {
            Some(language) => *self.known.entry(language.code()).or_default() += 1,
            None => self.others += 1,
        }
    }

    /// The code of the language that most are in, if it is told.
    fn language(&self) -> Option<&'static str> {
        let (code, count) = self.known.iter().max_by_key(|(_, count)| **count)?;
        (*count >= self.others).then_some(code)
    }
}

fn facet_lines(
    note: &NoteDocument,
    title: &str,
    languages: Languages,
    language: Option<&str>,
) -> String {
    let mut out = String::new();
    let mut push = |facet: Facet<'_>| {
        out.push_str(&facet.term());
        out.push('\n');
    };
    push(Facet::Id(note.id));
    push(Facet::Kind(note.kind));
    for (set, facet) in [
        (note.pinned, Facet::Pinned),
        (note.trashed, Facet::Trashed),
        (note.has_task, Facet::Task),
        (note.has_open_task, Facet::OpenTask),
        (note.has_link, Facet::Link),
        (note.has_attachment, Facet::Attachment),
        (note.has_image, Facet::Image),
    ] {
        if set {
            push(facet);
        }
    }
    for language in languages.iter() {
        push(Facet::Language(language.code()));
    }
    if let Some(language) = language {
        push(Facet::Mostly(language));
    }
    if !title.is_empty() {
        push(Facet::Title(&title_words(title)));
    }
    let mut seen = FxHashSet::default();
    for name in &note.links {
        if seen.insert(name.clone()) {
            push(Facet::LinksTo(name));
        }
    }
    seen.clear();
    for day in &note.due {
        if seen.insert(day.clone()) {
            push(Facet::Due(day));
        }
    }
    seen.clear();
    for tag in &note.tags {
        for tag in and_above(&note::fold(tag)) {
            if seen.insert(tag.to_owned()) {
                push(Facet::Tag(tag));
            }
        }
    }
    for notebook in and_above(&note::fold(&note.notebook)) {
        push(Facet::Notebook(notebook));
    }
    out
}

/// `a/b/c` → `a/b/c`, `a/b`, `a`.
fn and_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind('/').map(|at| &path[..at]))
        .filter(|path| !path.is_empty())
}
