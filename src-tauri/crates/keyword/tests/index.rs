//! The keyword index on real folders: what is found, in which order, and what survives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use keyword::{
    Access, Change, KeywordError, KeywordHits, KeywordIndex, NoteDocument, Opened, Search,
};
use note::{
    DayRange, Expr, Field, Filter, HasFlag, IsFlag, Kind, NoteId, Query, Seq, Sort, TimeRange,
    Timestamp, Word,
};
use proptest::prelude::*;

fn document(id: i64, title: &str, text: &str) -> NoteDocument {
    NoteDocument {
        id: NoteId(id),
        title: title.to_owned(),
        headings: String::new(),
        tags: Vec::new(),
        notebook: String::new(),
        kind: Kind::Note,
        created: Timestamp(id),
        updated: Timestamp(1000 - id),
        pinned: false,
        trashed: false,
        has_task: false,
        has_open_task: false,
        has_link: false,
        has_attachment: false,
        has_image: false,
        links: Vec::new(),
        due: Vec::new(),
        text: text.to_owned(),
    }
}

fn put(document: NoteDocument) -> Change {
    Change::Put(Box::new(document))
}

fn word(text: &str) -> Word {
    match text.strip_suffix('*') {
        Some(stem) => Word { text: stem.to_owned(), prefix: true, field: None },
        None => Word { text: text.to_owned(), prefix: false, field: None },
    }
}

fn words(text: &str) -> Expr {
    Expr::Words(text.split_whitespace().map(word).collect())
}

fn phrase(text: &str, slop: u32) -> Expr {
    Expr::Phrase { text: text.to_owned(), slop, field: None }
}

fn query(expr: Expr) -> Query {
    Query { text: String::new(), expr, sort: Sort::Relevance, like: None, chips: Vec::new() }
}

fn find(index: &KeywordIndex, query: &Query) -> KeywordHits {
    let search = Search { limit: 50, offset: 0, cancelled: &|| false };
    index.search(query, &search).expect("a sound index")
}

fn ids(index: &KeywordIndex, expr: Expr) -> Vec<i64> {
    let query = query(expr);
    let hits = find(index, &query);
    let ids: Vec<i64> = hits.hits.iter().map(|hit| hit.note.0).collect();
    assert_eq!(hits.total, index.matching(&query.expr).expect("a sound index").len());
    ids
}

fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids
}

fn open(folder: &Path) -> (KeywordIndex, Opened) {
    KeywordIndex::open(folder, "store", Access::ReadWrite).expect("a sound folder")
}

/// An index of these texts, once committed and once in memory: both must agree.
fn both(documents: &[NoteDocument]) -> [(tempfile::TempDir, KeywordIndex); 2] {
    let changes: Vec<Change> = documents.iter().cloned().map(put).collect();
    let disk = tempfile::tempdir().expect("a sound folder");
    let (on_disk, _) = open(disk.path());
    on_disk.apply(changes.clone()).expect("a sound folder");
    on_disk.commit(Seq(1)).expect("a sound folder");
    let memory = tempfile::tempdir().expect("a sound folder");
    let (in_memory, _) = open(memory.path());
    in_memory.apply_fresh(changes, Seq(1)).expect("a sound folder");
    [(disk, on_disk), (memory, in_memory)]
}

#[test]
fn words_are_found_in_every_language() {
    let texts = [
        "The landlords returned Anna's deposits in C++ and C#; the naïve café was closed.",
        "Die Häuser und die Straßen sind nicht für die Autos da, sondern für uns.",
        "Les élèves sont arrivés à l'hôtel, et ils ont mangé avec nous dans le jardin.",
        "Дом стоял на берегу реки, и в нём жили дети. Ёлка была в саду.",
        "東京大学の図書館で本を借りました。プログラミング言語を勉強する。",
        "我们在北京的图书馆学习计算机科学。",
        "저는 학교에서 한국어를 공부합니다.",
        "ฉันเรียนภาษาไทยที่มหาวิทยาลัย",
        "ذهب الأولاد إلى المدرسة مع أحمد.",
        "हिन्दी में लिखी हुई किताबें",
    ];
    let documents: Vec<NoteDocument> =
        texts.iter().zip(1..).map(|(text, id)| document(id, "", text)).collect();
    for (_folder, index) in both(&documents) {
        for (asked, note) in [
            ("deposit", 1),
            ("landlord", 1),
            ("anna", 1),
            ("NAIVE", 1),
            ("café", 1),
            ("cafe", 1),
            ("C++", 1),
            ("c#", 1),
            ("haus", 2),
            ("hauser", 2),
            ("Häuser", 2),
            ("strasse", 2),
            ("STRASSEN", 2),
            ("eleve", 3),
            ("hôtel", 3),
            ("arriver", 3),
            ("ДОМ", 4),
            ("река", 4),
            ("елка", 4),
            ("東京", 5),
            ("大学", 5),
            ("図書館", 5),
            ("ﾌﾟﾛｸﾞﾗﾐﾝｸﾞ", 5),
            ("借", 5),
            ("北京", 6),
            ("计算机", 6),
            ("학교", 7),
            ("한국어", 7),
            ("มหาวิทยาลัย", 8),
            ("ภาษาไทย", 8),
            ("احمد", 9),
            ("المدرسة", 9),
            ("किताबें", 10),
        ] {
            let found = ids(&index, words(asked));
            assert_eq!(found.first(), Some(&note), "{asked}: {found:?}");
        }
        for nowhere in ["大京", "xyzzy", "駅"] {
            assert!(ids(&index, words(nowhere)).is_empty(), "{nowhere}");
        }
    }
}

#[test]
fn ranks_as_promised() {
    let filler = "and then nothing else of interest happened for a long time ".repeat(3);
    let documents = [
        document(1, "Moving out", &format!("The lease ended. {filler} The agreement was kept.")),
        document(2, "Papers", &format!("My lease agreement is in the box. {filler}")),
        document(3, "Lease agreement", &filler),
        document(4, "Agreements", &format!("Only one word. {filler} lease")),
        document(5, "Other", &format!("lease lease lease lease lease. {filler}")),
        document(6, "Walk", &format!("He walks and walks. {filler}")),
        document(7, "Walk", &format!("He was walking and walk. {filler}")),
    ];
    for (_folder, index) in both(&documents) {
        let found = ids(&index, words("lease agreement"));
        assert_eq!(found[0], 3, "the exact title first: {found:?}");
        assert_eq!(found[1], 2, "then the phrase: {found:?}");
        assert_eq!(*found.last().unwrap(), 5, "some words last: {found:?}");
        assert!(find(&index, &query(words("lease agreement"))).hits[0].title_exact);
        assert_eq!(ids(&index, words("walks"))[0], 6, "the word itself before its stem");
        assert_eq!(ids(&index, phrase("lease agreement", 0)), [3, 2]);
        assert_eq!(ids(&index, phrase("my agreement", 0)), [0i64; 0]);
        assert_eq!(ids(&index, phrase("my agreement", 1)), [2]);
        assert_eq!(ids(&index, phrase("agreement lease", 9)), [0i64; 0]);
        assert_eq!(ids(&index, words("agremeent")).len(), ids(&index, words("agreement")).len());
        assert_eq!(sorted(ids(&index, words("lea*"))), [1, 2, 3, 4, 5]);
        assert_eq!(sorted(ids(&index, words("the my"))), [1, 2], "stop words alone are words");
    }
}

#[test]
fn long_notes_count_by_their_best_passage() {
    let asked = "quokka ferry timetable harbour ticket";
    let filler = |words: usize| (0..words).map(|at| format!("w{at} ")).collect::<String>();
    let together = format!("{} the {asked} again {}", filler(900), filler(900));
    let scattered: String =
        asked.split(' ').map(|word| format!("{} {word} ", filler(360))).collect();
    let documents = [
        document(1, "", &scattered),
        document(2, "", &together),
        document(3, "", "quokka, ferry, timetable and harbour of the island"),
        document(4, "", "nothing of the kind"),
    ];
    for (_folder, index) in both(&documents) {
        assert_eq!(ids(&index, words(asked)), [2, 3, 1]);
        let why = index.explain(&query(words(asked)), NoteId(2)).unwrap();
        assert!(why.contains("its best passage"), "{why}");
    }
}

#[test]
fn filters_narrow_and_sort() {
    let mut documents: Vec<NoteDocument> =
        (1..=6).map(|id| document(id, &format!("Title {}", 9 - id), "common text")).collect();
    documents[0].tags = vec!["Home/Lease".to_owned()];
    documents[1].tags = vec!["home".to_owned()];
    documents[2].notebook = "Work/Leases".to_owned();
    documents[3].notebook = "Workshop".to_owned();
    documents[3].kind = Kind::Pdf;
    documents[4].has_task = true;
    documents[4].has_open_task = true;
    documents[4].has_link = true;
    documents[4].pinned = true;
    documents[5].trashed = true;
    documents[3].has_task = true;
    let filter = Expr::Filter;
    let range =
        |from, until| TimeRange { from: Some(Timestamp(from)), until: Some(Timestamp(until)) };
    for (_folder, index) in both(&documents) {
        assert_eq!(index.len(), 6);
        for (expr, expected) in [
            (Expr::All, vec![1, 2, 3, 4, 5]),
            (filter(Filter::Tag("home".into())), vec![1, 2]),
            (filter(Filter::Tag("home/lease".into())), vec![1]),
            (filter(Filter::Tag("hom".into())), vec![]),
            (filter(Filter::Notebook("work".into())), vec![3]),
            (filter(Filter::Kind(Kind::Pdf)), vec![4]),
            (filter(Filter::Created(range(-100, 1))), vec![]),
            (filter(Filter::Created(range(-100, 2))), vec![1]),
            (filter(Filter::Created(range(7, 100))), vec![]),
            (filter(Filter::Is(IsFlag::Todo)), vec![5]),
            (filter(Filter::Is(IsFlag::Done)), vec![4]),
            (filter(Filter::Is(IsFlag::Pinned)), vec![5]),
            (filter(Filter::Is(IsFlag::Trashed)), vec![6]),
            (filter(Filter::Has(HasFlag::Link)), vec![5]),
            (filter(Filter::Created(range(2, 4))), vec![2, 3]),
            (filter(Filter::Updated(range(995, 998))), vec![3, 4, 5]),
            (Expr::Not(Box::new(filter(Filter::Tag("home".into())))), vec![3, 4, 5]),
            (Expr::And(vec![words("common"), Expr::Not(Box::new(words("7")))]), vec![1, 3, 4, 5]),
            (Expr::Or(vec![words("8"), words("4")]), vec![1, 5]),
            (Expr::Words(vec![Word { field: Some(Field::Body), ..word("title") }]), vec![]),
            (
                Expr::Words(vec![Word { field: Some(Field::Title), ..word("title") }]),
                vec![1, 2, 3, 4, 5],
            ),
            (words("lease"), vec![1]),
        ] {
            assert_eq!(sorted(ids(&index, expr.clone())), expected, "{expr:?}");
        }
        // Only filters: by the last change. Titles run against the ids.
        assert_eq!(ids(&index, Expr::All), [1, 2, 3, 4, 5]);
        for (sort, expected) in [
            (Sort::Updated, [1, 2, 3, 4, 5]),
            (Sort::Created, [5, 4, 3, 2, 1]),
            (Sort::Title, [5, 4, 3, 2, 1]),
        ] {
            let query = Query { sort, ..query(words("common")) };
            let all: Vec<i64> = find(&index, &query).hits.iter().map(|hit| hit.note.0).collect();
            assert_eq!(all, expected, "{sort:?}");
            let search = Search { limit: 2, offset: 1, cancelled: &|| false };
            let page = index.search(&query, &search).unwrap();
            assert_eq!(page.hits.iter().map(|hit| hit.note.0).collect::<Vec<_>>(), expected[1..3]);
            assert_eq!(page.total, 5);
        }
    }
}

#[test]
fn finds_links_and_due_days() {
    let documents = [
        NoteDocument {
            links: vec!["my lease".to_owned(), "my lease".to_owned()],
            due: vec!["2026-03-01".to_owned(), "2026-04-01".to_owned()],
            ..document(1, "a", "x")
        },
        NoteDocument { due: vec!["2026-03-31".to_owned()], ..document(2, "b", "x") },
    ];
    let days = |from: Option<&str>, until: Option<&str>| {
        let day = |day: Option<&str>| day.map(str::to_owned);
        Expr::Filter(Filter::Due(DayRange { from: day(from), until: day(until) }))
    };
    for (_folder, index) in both(&documents) {
        let found = |expr| sorted(ids(&index, expr));
        assert_eq!(found(Expr::Filter(Filter::LinksTo("my lease".to_owned()))), [1]);
        assert_eq!(found(Expr::Filter(Filter::LinksTo("lease".to_owned()))), [0i64; 0]);
        assert_eq!(found(days(Some("2026-03-02"), Some("2026-04-01"))), [2]);
        assert_eq!(found(days(None, Some("2026-03-02"))), [1]);
        assert_eq!(found(days(None, None)), [1, 2]);
        assert_eq!(found(days(Some("2027-01-01"), None)), [0i64; 0]);
    }
}

#[test]
fn counts_what_notes_have_in_common() {
    let note = |id: i64, tags: &[&str], notebook: &str, kind| NoteDocument {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        notebook: notebook.to_owned(),
        kind,
        ..document(id, "title", if id == 4 { "crane" } else { "heron" })
    };
    let documents = [
        note(1, &["Home/Lease"], "Work", Kind::Note),
        note(2, &["home", "x"], "Work/Old", Kind::Pdf),
        note(3, &[], "", Kind::Pdf),
        note(4, &["home"], "Work", Kind::Pdf),
        NoteDocument { trashed: true, ..note(5, &["home"], "Work", Kind::Pdf) },
    ];
    let counted = |list: &[(&str, usize)]| -> Vec<(String, usize)> {
        list.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect()
    };
    for (_folder, index) in both(&documents) {
        let starts = [Timestamp(0), Timestamp(2), Timestamp(4)];
        let query = query(words("heron"));
        let facets = index.facets(&query, 3, &starts, &|| false).expect("a sound index");
        assert_eq!(facets.total, 3);
        assert_eq!(facets.kinds, [(Kind::Pdf, 2), (Kind::Note, 1)]);
        assert_eq!(facets.tags, counted(&[("home", 2), ("home/lease", 1), ("x", 1)]));
        assert_eq!(facets.notebooks, counted(&[("work", 2), ("work/old", 1)]));
        assert_eq!(facets.periods, [1, 2, 0]);
        let cancelled = index.facets(&query, 3, &starts, &|| true);
        assert!(matches!(cancelled, Err(KeywordError::Cancelled)));
    }
}

#[test]
fn knows_what_language_most_of_a_note_is_in() {
    let documents = [
        document(1, "Lease", "The deposit is returned by the landlord."),
        document(2, "Vertrag", "Die Kaution wird vom Vermieter nach dem Auszug zurückgezahlt."),
        document(3, "iPhone", "東京都の公立図書館は毎週月曜日が休館日です。Wi-Fi"),
        document(4, "", "2026 1234"),
        document(5, "Passwords", "router 1234"),
        document(6, "Аренда", "Залог возвращается после выезда из квартиры, если всё в порядке."),
    ];
    for (_folder, index) in both(&documents) {
        let notes: Vec<NoteId> = (1..9).map(NoteId).collect();
        for (languages, expected) in [
            (&["en"][..], vec![1, 5]),
            (&["de", "ru"], vec![2, 6]),
            (&["ja"], vec![]),
            (&[], vec![]),
        ] {
            let found = index.mostly_in(&notes, languages).expect("a sound index");
            assert_eq!(
                found.iter().map(|note| note.0).collect::<Vec<_>>(),
                expected,
                "{languages:?}"
            );
        }
    }
}

#[test]
fn says_what_was_forgiven() {
    let documents =
        [document(1, "Lease", "the landlord and the deposit"), document(2, "x", "landlords")];
    for (_folder, index) in both(&documents) {
        let hits = find(&index, &query(words("landlrod deposit")));
        let nearest = vec!["landlord".to_owned(), "landlords".to_owned()];
        assert_eq!(hits.corrected, [("landlrod".to_owned(), nearest)]);
        // One note has it: others are searched as well, which is no news.
        assert_eq!(find(&index, &query(words("landlords"))).corrected, []);
        let misspelt = |expr| index.misspelt(&query(expr)).expect("a sound index");
        assert_eq!(
            misspelt(phrase("the landlrod", 0)),
            [("landlrod".to_owned(), "landlord".to_owned())]
        );
        assert_eq!(misspelt(words("landlord lease qwrtz")), []);
        assert_eq!(index.count(&words("landlord")).expect("a sound index"), 2);
    }
}

#[test]
fn stops_when_cancelled() {
    let [(_folder, index), _] = both(&[document(1, "a", "b")]);
    let search = Search { limit: 5, offset: 0, cancelled: &|| true };
    let outcome = index.search(&query(words("b")), &search);
    assert!(matches!(outcome, Err(KeywordError::Cancelled)));
}

#[test]
fn hostile_queries_are_answered() {
    let [(_folder, index), _] = both(&[document(1, "note", "some text of a note")]);
    let long = "x".repeat(100_000);
    let many = (0..5000).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    for expr in [
        Expr::Words(Vec::new()),
        words("! ? -"),
        words(&long),
        words(&many),
        words("a* b* c*"),
        phrase("", 0),
        phrase("!!", 3),
        phrase(&"note ".repeat(500), u32::MAX),
        Expr::And(Vec::new()),
        Expr::Or(Vec::new()),
        Expr::Words(vec![word("*"), word("\u{0}"), word("\n")]),
        Expr::Filter(Filter::Tag(String::new())),
        Expr::Filter(Filter::Tag("a\nb".to_owned())),
    ] {
        let query = query(expr);
        find(&index, &query);
        index.explain(&query, NoteId(1));
        index.explain(&query, NoteId(i64::MAX));
        index.snippet(&query, "some text of a note", 10);
        index.highlight_terms(&query);
    }
}

#[test]
fn explains_hits() {
    let [(_folder, index), _] = both(&[document(1, "Lease", "the lease"), document(2, "", "x")]);
    let explained = index.explain(&query(words("lease")), NoteId(1)).unwrap();
    assert!(explained.contains("lease") && explained.contains("title"), "{explained}");
    assert_eq!(index.explain(&query(words("lease")), NoteId(2)), None);
}

#[test]
fn notes_in_memory_hide_the_disk_until_it_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let (index, opened) = open(folder.path());
    assert!(matches!(opened, Opened::Fresh(_)));
    index.apply(vec![put(document(1, "", "old words")), put(document(2, "", "old too"))]).unwrap();
    assert!(ids(&index, words("old")).is_empty(), "not before the commit");
    index.commit(Seq(2)).unwrap();
    assert_eq!(index.cursor(), Seq(2));
    assert_eq!(sorted(ids(&index, words("old"))), [1, 2]);

    index.apply_fresh(vec![put(document(1, "", "young words"))], Seq(3)).unwrap();
    index
        .apply_fresh(vec![Change::Delete(NoteId(2)), put(document(3, "", "young"))], Seq(5))
        .unwrap();
    assert!(ids(&index, words("old")).is_empty());
    assert_eq!(sorted(ids(&index, words("young"))), [1, 3]);
    assert_eq!(index.len(), 2);

    // A commit that has note 1 but not yet the rest.
    index.apply(vec![put(document(1, "", "young words"))]).unwrap();
    index.commit(Seq(3)).unwrap();
    assert_eq!(sorted(ids(&index, words("young"))), [1, 3]);
    assert!(ids(&index, words("old")).is_empty());

    // What is older than the disk or than what is known is ignored.
    index.apply_fresh(vec![put(document(1, "", "old"))], Seq(3)).unwrap();
    index.apply_fresh(vec![put(document(3, "", "old"))], Seq(4)).unwrap();
    assert!(ids(&index, words("old")).is_empty());

    index.apply(vec![Change::Delete(NoteId(2)), put(document(3, "", "young"))]).unwrap();
    index.commit(Seq(5)).unwrap();
    assert_eq!(sorted(ids(&index, words("young"))), [1, 3]);
    assert_eq!(index.len(), 2);
}

#[test]
fn reopens_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = open(folder.path());
    index.apply(vec![put(document(1, "", "kept"))]).unwrap();
    index.commit(Seq(7)).unwrap();
    index.apply(vec![put(document(2, "", "lost"))]).unwrap();
    index.close().unwrap();
    assert!(matches!(index.apply(Vec::new()), Err(KeywordError::Closed)));
    drop(index);
    let (index, opened) = open(folder.path());
    assert_eq!((opened, index.cursor()), (Opened::Kept, Seq(7)));
    assert_eq!(ids(&index, words("kept lost")), [1]);
    // Not closed: files are checked, and kept.
    drop(index);
    let (index, opened) = open(folder.path());
    assert_eq!((opened, index.len()), (Opened::Kept, 1));
    drop(index);
    let (index, opened) =
        KeywordIndex::open(folder.path(), "another store", Access::ReadWrite).unwrap();
    assert!(matches!(opened, Opened::Fresh(_)));
    assert_eq!((index.cursor(), index.len()), (Seq(0), 0));
}

/// The merge that begins with the first change after a crash must not forget that change's delete.
#[test]
fn a_note_changed_first_after_a_crash_is_there_once() {
    const SEGMENTS: i64 = 6;
    let commit = |index: &KeywordIndex, seq: i64, ids: &[i64]| {
        let changes = ids.iter().map(|id| put(document(*id, "title", "heron"))).collect();
        index.apply(changes).expect("a sound folder");
        index.commit(Seq(seq)).expect("a sound folder");
    };
    for _ in 0..50 {
        let folder = tempfile::tempdir().expect("a sound folder");
        let (index, _) = open(folder.path());
        for seq in 1..SEGMENTS {
            commit(&index, seq, &[10 * seq, 10 * seq + 1, 10 * seq + 2, 10 * seq + 3]);
        }
        // The last commit deletes from the first segment, and ends before its merge does.
        commit(&index, SEGMENTS, &[10, 99, 100, 101]);
        drop(index);
        let (index, _) = open(folder.path());
        let unmerged = index.segments() == SEGMENTS as usize;
        commit(&index, SEGMENTS + 1, &[11]);
        index.close().expect("a sound folder");
        drop(index);
        let (index, _) = open(folder.path());
        let notes = SEGMENTS as usize * 4 - 1;
        assert_eq!((index.len(), ids(&index, words("heron")).len()), (notes, notes));
        if unmerged {
            return;
        }
    }
    panic!("the last commit's merge always ended before the crash");
}

/// A crash between the files of a commit and the commit itself: the same changes make the same files.
#[test]
fn a_commit_is_made_again_after_a_crash_in_its_middle() {
    let folder = tempfile::tempdir().expect("a sound folder");
    let meta = folder.path().join("meta.json");
    let (index, _) = open(folder.path());
    let changes = (1..9).map(|id| put(document(id, "title", "heron"))).collect();
    index.apply(changes).expect("a sound folder");
    index.commit(Seq(1)).expect("a sound folder");
    drop(index);
    let before = fs::read(&meta).expect("a sound folder");
    for _ in 0..2 {
        fs::write(&meta, &before).expect("a sound folder");
        let (index, opened) = open(folder.path());
        assert_eq!((opened, index.cursor()), (Opened::Kept, Seq(1)));
        index.apply(vec![put(document(3, "title", "crane"))]).expect("a sound folder");
        index.commit(Seq(2)).expect("a sound folder");
        assert_eq!(ids(&index, words("crane")), [3]);
        assert_eq!(index.len(), 8);
    }
}

#[test]
fn one_writer_and_readers_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, opened) = KeywordIndex::open(folder.path(), "store", Access::ReadOnly).unwrap();
    assert!(matches!(opened, Opened::Fresh(_)));
    assert!(!reader.reload().unwrap());
    assert!(matches!(reader.commit(Seq(1)), Err(KeywordError::ReadOnly)));
    let (writer, _) = open(folder.path());
    assert!(KeywordIndex::open(folder.path(), "store", Access::ReadWrite).is_err());
    assert!(KeywordIndex::open(folder.path(), "other", Access::ReadWrite).is_err());
    writer.apply(vec![put(document(1, "", "seen"))]).unwrap();
    writer.commit(Seq(1)).unwrap();
    assert!(reader.reload().unwrap());
    assert_eq!(ids(&reader, words("seen")), [1]);
    for seq in 2..12 {
        writer.apply(vec![put(document(seq, "", "seen"))]).unwrap();
        writer.commit(Seq(seq)).unwrap();
        assert!(reader.reload().unwrap());
        assert_eq!((reader.len() as i64, reader.cursor()), (seq, Seq(seq)));
    }
    assert!(!reader.reload().unwrap());
}

#[test]
fn damaged_files_give_a_fresh_index() {
    let source = tempfile::tempdir().unwrap();
    let (index, _) = open(source.path());
    let changes = (1..200).map(|id| put(document(id, &format!("title {id}"), "body text words")));
    index.apply(changes.collect()).unwrap();
    index.commit(Seq(199)).unwrap();
    drop(index);
    let files: Vec<_> = fs::read_dir(source.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| !name.to_string_lossy().starts_with('.'))
        .collect();
    assert!(files.len() > 4);
    for name in files {
        for damage in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            for entry in fs::read_dir(source.path()).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
            let path = folder.path().join(&name);
            let mut bytes = fs::read(&path).unwrap();
            match damage {
                0 => bytes.clear(),
                1 => bytes.truncate(bytes.len() / 2),
                2 => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 0x40;
                }
                _ => fs::remove_file(&path).unwrap(),
            }
            if damage < 3 {
                fs::write(&path, bytes).unwrap();
            }
            let (index, opened) = open(folder.path());
            match opened {
                // The list of managed files may be lost without harm.
                Opened::Kept => {
                    assert_eq!(index.len(), 199, "{name:?} {damage}");
                    assert_eq!(ids(&index, words("body")).len(), 50);
                }
                Opened::Fresh(_) => {
                    assert_eq!((index.len(), index.cursor()), (0, Seq(0)), "{name:?} {damage}");
                }
            }
            index.apply(vec![put(document(500, "", "again"))]).unwrap();
            index.commit(Seq(500)).unwrap();
            assert_eq!(ids(&index, words("again")), [500]);
        }
    }
}

#[test]
fn a_removed_folder_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyword");
    let (index, _) = open(&path);
    index.apply(vec![put(document(1, "", "gone"))]).unwrap();
    index.commit(Seq(1)).unwrap();
    index.close().unwrap();
    drop(index);
    fs::remove_dir_all(&path).unwrap();
    let (index, opened) = open(&path);
    assert!(matches!(opened, Opened::Fresh(_)));
    assert!(index.is_empty());
}

#[test]
fn a_note_is_never_found_twice_or_lost_while_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = open(folder.path());
    index.apply((1..=20).map(|id| put(document(id, "", "steady"))).collect()).unwrap();
    index.commit(Seq(1)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) || rounds == 0 {
                assert_eq!(find(&index, &query(words("steady"))).total, 20);
                rounds += 1;
            }
        });
        for seq in 2..30 {
            let change = vec![put(document(1 + seq % 20, "", &format!("steady {seq}")))];
            index.apply_fresh(change.clone(), Seq(seq)).unwrap();
            index.apply(change).unwrap();
            if seq % 3 == 0 {
                index.commit(Seq(seq)).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        watcher.join().unwrap();
    });
}

#[test]
fn snippets_mark_what_matched() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = open(folder.path());
    let filler = "nothing of note here, and so it went on and on. ".repeat(200);
    for (expr, text, max, marked, matched) in [
        (
            words("deposit"),
            "The deposits, Deposit and DEPOSITED.",
            80,
            vec!["deposits", "Deposit", "DEPOSITED"],
            1,
        ),
        (words("uber"), "Über alles, uber", 80, vec!["Über", "uber"], 1),
        (words("dep*"), "a depot for deposits", 80, vec!["depot", "deposits"], 1),
        (words("東京大学"), "彼は東京大学に行った", 80, vec!["東京大学"], 3),
        (words("ガス"), "ｶﾞｽを", 80, vec!["ｶﾞｽ"], 1),
        (words("借"), "本を借りた", 80, vec!["借"], 1),
        (phrase("lease agreement", 0), "my lease\nagreement", 80, vec!["lease", "agreement"], 2),
        (words("xyzzy"), "nothing", 80, vec![], 0),
        (words("x"), "", 80, vec![], 0),
        (
            words("landlord deposit"),
            &format!("{filler}landlord {filler} the landlord has the deposit now. {filler}"),
            120,
            vec!["landlord", "deposit"],
            2,
        ),
        (Expr::Not(Box::new(words("not"))), "not marked", 80, vec![], 0),
        (words("word"), "a\n\n  word\there", 80, vec!["word"], 1),
    ] {
        let query = query(expr);
        let snippet = index.snippet(&query, text, max);
        let marks: Vec<&str> =
            snippet.marks.iter().map(|mark| &snippet.text[mark.clone()]).collect();
        assert_eq!(marks, marked, "{:?} in {:?}", query.expr, snippet.text);
        assert_eq!(snippet.matched_words, matched, "{:?}", query.expr);
        assert!(snippet.text.chars().count() <= max);
        assert!(!snippet.text.contains(['\n', '\t']) && !snippet.text.contains("  "));
    }
    let long = format!("{}needle{}", "hay ".repeat(400_000), " hay".repeat(100));
    let snippet = index.snippet(&query(words("needle")), &long, 100);
    assert_eq!(snippet.marks.len(), 1);
}

#[test]
fn every_place_that_matches_is_told() {
    let [(_folder, index), _] = both(&[]);
    let text = "The deposits of the landlord. Über DEPOSIT, landlord's deposit; depository. 東京大学と東京の大学、猫が";
    for (expr, told) in [
        (words("deposit"), &["deposits", "DEPOSIT", "deposit"][..]),
        (words("the landlord"), &["landlord", "landlord"]),
        (words("the"), &["The", "the"]),
        (words("uber"), &["Über"]),
        (words("depos*"), &["deposits", "DEPOSIT", "deposit", "depository"]),
        (phrase("landlord's deposit", 0), &["landlord's deposit"]),
        (phrase("the landlord", 0), &["the landlord"]),
        (phrase("landlord deposits", 0), &[]),
        (phrase("deposits landlord", 1), &[]),
        (phrase("deposits landlord", 2), &["deposits of the landlord"]),
        (words("東京大学"), &["東京大学"]),
        (words("東京"), &["東京", "東京"]),
        (words("猫"), &["猫"]),
        (Expr::Not(Box::new(words("deposit"))), &[]),
    ] {
        let query = query(expr);
        let found = index.matches(&query, text, std::slice::from_ref(&(0..text.len())));
        let places: Vec<&str> = found.places.into_iter().map(|place| &text[place]).collect();
        assert_eq!(places, told, "{:?}", query.expr);
        assert!(found.complete);
    }
    let text = "[deposit](https://deposit.example) **deposit**";
    let query = query(words("deposit"));
    let found = index.matches(&query, text, &note::readable(text));
    assert_eq!(found.places, [1..8, 37..44]);
    let many = "deposit ".repeat(6_000);
    let found = index.matches(&query, &many, std::slice::from_ref(&(0..many.len())));
    assert_eq!((found.places.len(), found.complete), (5_000, false));
}

#[test]
fn highlight_terms_are_what_was_asked_for() {
    let [(_folder, index), _] = both(&[]);
    let expr = Expr::And(vec![
        words("Lease lease dep*"),
        phrase("the deposit", 0),
        Expr::Not(Box::new(words("draft"))),
    ]);
    assert_eq!(index.highlight_terms(&query(expr)), ["Lease", "lease", "dep", "the deposit"]);
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Put(i64, Vec<usize>),
    Delete(i64),
    Fresh(i64, Option<Vec<usize>>),
    Commit,
    Reopen,
}

const WORDS: [&str; 8] = ["alpha", "beta", "gamma", "delta", "東京", "京都", "über", "haus"];

fn text(picked: &[usize]) -> String {
    picked.iter().map(|&at| WORDS[at]).collect::<Vec<_>>().join(" ")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let content = prop::collection::vec(0..WORDS.len(), 0..5);
    let step = prop_oneof![
        4 => (1..8i64, content.clone()).prop_map(|(id, picked)| Step::Put(id, picked)),
        1 => (1..8i64).prop_map(Step::Delete),
        4 => (1..8i64, prop::option::weighted(0.8, content)).prop_map(|(id, to)| Step::Fresh(id, to)),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Against a map of notes: the truth has every change; disk and memory are told of them in
    /// turn, as the engine does.
    #[test]
    fn finds_what_a_plain_map_finds(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let (mut index, _) = open(folder.path());
        let mut seq = 0;
        let mut visible: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let mut pending: Vec<Change> = Vec::new();
        let mut committed = visible.clone();
        for step in steps {
            seq += 1;
            let change = |id: i64, picked: &Option<Vec<usize>>| match picked {
                Some(picked) => put(document(id, "", &text(picked))),
                None => Change::Delete(NoteId(id)),
            };
            match step {
                Step::Put(id, picked) => {
                    // As the engine does in bulk: to the disk, and committed.
                    pending.push(change(id, &Some(picked.clone())));
                    visible.insert(id, picked);
                    index.apply(std::mem::take(&mut pending)).unwrap();
                    index.commit(Seq(seq)).unwrap();
                    committed = visible.clone();
                }
                Step::Delete(id) => {
                    pending.push(change(id, &None));
                    visible.remove(&id);
                    index.apply(std::mem::take(&mut pending)).unwrap();
                    index.commit(Seq(seq)).unwrap();
                    committed = visible.clone();
                }
                Step::Fresh(id, picked) => {
                    index.apply_fresh(vec![change(id, &picked)], Seq(seq)).unwrap();
                    pending.push(change(id, &picked));
                    match picked {
                        Some(picked) => visible.insert(id, picked),
                        None => visible.remove(&id),
                    };
                }
                Step::Commit => {
                    index.apply(std::mem::take(&mut pending)).unwrap();
                    index.commit(Seq(seq)).unwrap();
                    committed = visible.clone();
                }
                Step::Reopen => {
                    // A crash: memory is lost, the disk is not.
                    drop(index);
                    let (again, opened) = open(folder.path());
                    prop_assert!(opened == Opened::Kept || committed.is_empty());
                    index = again;
                    visible = committed.clone();
                    pending.clear();
                }
            }
            prop_assert_eq!(index.len(), visible.len());
            for (at, word) in WORDS.iter().enumerate() {
                let expected: Vec<i64> = visible
                    .iter()
                    .filter(|(_, picked)| picked.contains(&at))
                    .map(|(&id, _)| id)
                    .collect();
                // In quotes, so that no spelling is forgiven.
                let found = sorted(ids(&index, phrase(word, 0)));
                prop_assert_eq!(found, expected, "{}", word);
            }
        }
    }

    /// Scores do not depend on where a note happens to be kept.
    #[test]
    fn disk_and_memory_score_alike(
        notes in prop::collection::vec(prop::collection::vec(0..WORDS.len(), 0..12), 1..12),
        asked in prop::collection::vec(0..WORDS.len(), 1..4),
    ) {
        let documents: Vec<NoteDocument> =
            notes.iter().zip(1..).map(|(picked, id)| document(id, "", &text(picked))).collect();
        let folder = tempfile::tempdir().unwrap();
        let (mixed, _) = open(folder.path());
        // Old versions on disk must not count.
        mixed.apply((1..=notes.len() as i64).map(|id| put(document(id, "", "alpha haus"))).collect()).unwrap();
        mixed.commit(Seq(1)).unwrap();
        mixed.apply_fresh(documents.iter().cloned().map(put).collect(), Seq(2)).unwrap();
        let query = query(words(&text(&asked)));
        let expected = find(&mixed, &query);
        for (_folder, index) in both(&documents) {
            let found = find(&index, &query);
            prop_assert_eq!(found.total, expected.total);
            for (found, expected) in found.hits.iter().zip(&expected.hits) {
                prop_assert_eq!(found.note, expected.note);
                prop_assert!((found.score - expected.score).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn snippets_of_any_text_are_sound(text in "\\PC{0,200}", asked in "\\PC{1,12}", max in 0usize..60) {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = KeywordIndex::open(folder.path(), "store", Access::ReadOnly).unwrap();
        let query = query(words(&asked));
        let snippet = index.snippet(&query, &text, max);
        prop_assert!(snippet.text.chars().count() <= max);
        let mut end = 0;
        let whole = std::slice::from_ref(&(0..text.len())).to_vec();
        for place in index.matches(&query, &text, &whole).places {
            prop_assert!(text.get(place).is_some_and(|place| !place.is_empty()));
        }
        for mark in snippet.marks {
            prop_assert!(mark.start >= end && mark.end > mark.start);
            prop_assert!(snippet.text.get(mark.clone()).is_some());
            end = mark.end;
        }
    }
}
