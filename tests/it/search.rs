//! Searching, while everything else goes on too.

use std::sync::Arc;

use engine::{Code, ImportRequest, Mode, SearchRequest, Why};
use note::NoteDraft;
use tokio_util::sync::CancellationToken;

use crate::support::{draft, ids, open, open_with, real_model, run, save, search, settle};

#[test]
fn a_note_is_found_by_words_as_soon_as_the_event_says_so() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let mut changes = engine.changes();
        let id = save(&engine, "Lease", "the deposit is returned").await;
        while !changes.recv().await.unwrap().ids.contains(&id) {}
        let hits = search(&engine, "deposit", Mode::Words).await;
        assert_eq!(ids(&hits), [id]);
        let hit = &hits.hits[0];
        let marked: Vec<&str> =
            hit.snippet.marks.iter().map(|mark| &hit.snippet.text[mark.clone()]).collect();
        assert_eq!(marked, ["deposit"]);
        engine.close().await.unwrap();
    });
}

#[test]
fn filters_narrow_both_indexes() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let tagged = NoteDraft { tags: vec!["home/lease".into()], ..draft("One", "deposit paid") };
        let one = engine.save_note(None, None, tagged).await.unwrap().id;
        let two = save(&engine, "Two", "deposit lost #work").await;
        settle(&engine).await;
        for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
            let check = async |text: &str, expected: &[note::NoteId]| {
                let mut found = ids(&search(&engine, text, mode).await);
                found.sort();
                assert_eq!(found, expected, "{text} {mode:?}");
            };
            check("deposit", &[one, two]).await;
            check("deposit tag:home", &[one]).await;
            check("deposit -tag:home", &[two]).await;
            check("deposit #work", &[two]).await;
            check("deposit -lost", &[one]).await;
            check("deposit (tag:home OR tag:work)", &[one, two]).await;
            check("deposit type:pdf", &[]).await;
            check("deposit updated:7d", &[one, two]).await;
            check("deposit older_than:7d", &[]).await;
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn a_language_that_the_model_was_not_taught_is_ranked_by_words() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open_with(dir.path(), model).await;
        let english =
            save(&engine, "Moving out", "We get our money back within thirty days.").await;
        for (title, body) in [
            ("敷金", "敷金は退去後三十日以内に返還されます。"),
            ("図書館", "公立図書館は毎週月曜日が休館日です。"),
            ("天気", "明日の天気は晴れのち曇りでしょう。"),
        ] {
            save(&engine, title, body).await;
        }
        settle(&engine).await;
        let words = search(&engine, "敷金 返還", Mode::Words).await;
        let both = search(&engine, "敷金 返還", Mode::Both).await;
        let japanese: Vec<_> = ids(&both).into_iter().filter(|id| *id != english).collect();
        assert_eq!(japanese, ids(&words));
        assert!(both.hits[0].explanation.contains("was not taught"), "{:?}", both.hits[0]);
        let hits = search(&engine, "when is the deposit repaid", Mode::Both).await;
        assert_eq!(ids(&hits), [english]);
        assert_eq!(hits.hits[0].why, Why::Meaning);
        engine.close().await.unwrap();
    });
}

#[test]
fn links_due_days_and_likeness_narrow() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let lease = save(&engine, "My Lease", "deposit landlord rent flat").await;
        let linking =
            save(&engine, "Moving", "see [[My Lease|it]]\n\n- [ ] pay due:2026-03-01").await;
        let near = save(&engine, "Flat", "rent of the flat, deposit to the landlord").await;
        save(&engine, "Zoo", "quokkas\n\n- [x] done 📅 2026-03-01").await;
        settle(&engine).await;
        for (text, expected) in [
            ("link:\"My Lease\"", vec![linking]),
            ("link:nowhere", vec![]),
            ("due:2026-03", vec![linking]),
            ("due<2026-03-01", vec![]),
            ("moving due:2026..2027", vec![linking]),
        ] {
            assert_eq!(ids(&search(&engine, text, Mode::Both).await), expected, "{text}");
        }
        for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
            let like = search(&engine, "like:\"my lease\"", mode).await;
            assert_eq!(ids(&like).first(), Some(&near), "{mode:?} {like:?}");
            assert!(!ids(&like).contains(&lease));
        }
        let nobody = search(&engine, "like:nobody", Mode::Both).await;
        assert!(nobody.hits.is_empty());
        assert!(nobody.degraded.is_some_and(|why| why.contains("nobody")));
        engine.close().await.unwrap();
    });
}

#[test]
fn a_query_that_finds_nothing_says_what_would() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        for (title, notebook) in [("Lease", "Home/My Flat"), ("Rent", "Home")] {
            let body = format!("{title}: the landlord has the deposit #money/Paid");
            let draft = NoteDraft { notebook: notebook.to_owned(), ..draft(title, &body) };
            engine.save_note(None, None, draft).await.unwrap();
        }
        settle(&engine).await;
        for (text, expected) in [
            ("deposit", vec![]),
            ("qwrtzqwrtz", vec![]),
            // It was forgiven.
            ("lanldord", vec![]),
            ("\"the lanldord\"", vec![("\"the landlord\"", 2), ("the lanldord", 2)]),
            ("deposit type:pdf", vec![("deposit", 2)]),
            ("type:pdf deposit tag:none", vec![]),
            ("\"landlord deposit\"", vec![("landlord deposit", 2)]),
        ] {
            let hits = search(&engine, text, Mode::Words).await;
            let told: Vec<(&str, usize)> =
                hits.rescues.iter().map(|rescue| (rescue.text.as_str(), rescue.total)).collect();
            assert_eq!(told, expected, "{text}");
        }
        let facets = engine.facets("deposit".into(), false).await.unwrap();
        let told = |facets: &[engine::FacetCount]| -> Vec<(String, usize)> {
            facets.iter().map(|facet| (facet.filter.clone(), facet.count)).collect()
        };
        assert_eq!(facets.total, 2);
        assert_eq!(
            told(&facets.notebooks),
            [("in:Home".to_owned(), 2), ("in:\"Home/My Flat\"".to_owned(), 1)]
        );
        assert_eq!(
            told(&facets.tags),
            [("tag:money".to_owned(), 2), ("tag:money/Paid".to_owned(), 2)]
        );
        // What a facet says is what its filter finds.
        for facet in
            facets.kinds.iter().chain(&facets.tags).chain(&facets.notebooks).chain(&facets.years)
        {
            let text = format!("deposit {}", facet.filter);
            assert_eq!(engine.count(vec![text.clone()]).await.unwrap(), [facet.count], "{text}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn any_text_is_a_query() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        save(&engine, "C++", "notes on C++ and 10:30 and foo:bar (baz)").await;
        settle(&engine).await;
        let deep = "(".repeat(50_000);
        let long = "word ".repeat(5_000);
        for text in [
            "",
            " ",
            "\"",
            "(((",
            ")",
            "-",
            "NOT",
            "OR OR",
            "tag:",
            "a*",
            "*",
            "C++",
            "\0",
            "💥 \u{202e}",
            "foo:bar",
            "updated:nonsense",
            &deep,
            &long,
        ] {
            for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
                search(&engine, text, mode).await;
            }
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn a_newer_search_of_a_tab_cancels_the_older_and_other_tabs_go_on() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        save(&engine, "Note", "word").await;
        settle(&engine).await;
        let request = SearchRequest { text: "word".into(), limit: 10, ..SearchRequest::default() };
        // Started in order on one task: each is superseded before it is polled a second time.
        let (a1, a2, b) = tokio::join!(
            engine.search_in_tab("a", request.clone()),
            engine.search_in_tab("a", request.clone()),
            engine.search_in_tab("b", request.clone()),
        );
        if let Err(error) = a1 {
            assert_eq!(error.code, Code::Cancelled);
        }
        assert_eq!(a2.unwrap().hits.len(), 1);
        assert_eq!(b.unwrap().hits.len(), 1);
        let token = CancellationToken::new();
        token.cancel();
        assert_eq!(engine.search(request, token).await.unwrap_err().code, Code::Cancelled);
        engine.close().await.unwrap();
    });
}

#[test]
fn pages_of_results_never_repeat_or_leave_out() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let drafts = (0..130).map(|n| draft(&format!("Note {n}"), "common words here")).collect();
        engine.save_notes(drafts).await.unwrap();
        settle(&engine).await;
        for mode in [Mode::Words, Mode::Both] {
            let mut seen = Vec::new();
            for offset in (0..130).step_by(25) {
                let request = SearchRequest {
                    text: "common words".into(),
                    mode,
                    offset,
                    limit: 25,
                    ..SearchRequest::default()
                };
                let hits = engine.search(request, CancellationToken::new()).await.unwrap();
                assert_eq!(hits.total, 130, "{mode:?}");
                seen.extend(ids(&hits));
            }
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 130, "{mode:?}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn saves_and_searches_go_on_while_an_import_runs() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let source = tempfile::tempdir().unwrap();
        for number in 0..600 {
            std::fs::write(
                source.path().join(format!("{number}.md")),
                format!("imported text {number}"),
            )
            .unwrap();
        }
        let engine = Arc::new(open(dir.path()).await);
        let import = engine
            .import(ImportRequest {
                roots: vec![source.path().to_owned()],
                ..ImportRequest::default()
            })
            .await
            .unwrap();
        let mut tasks = Vec::new();
        for tab in 0..6 {
            let engine = engine.clone();
            tasks.push(tokio::spawn(async move {
                for number in 0..20 {
                    let request = SearchRequest {
                        text: format!("text {number}"),
                        limit: 10,
                        ..SearchRequest::default()
                    };
                    engine.search_in_tab(&format!("tab {tab}"), request).await.unwrap();
                }
            }));
        }
        let mut saved = Vec::new();
        for number in 0..40 {
            saved.push(
                save(&engine, &format!("Mine {number}"), &format!("written{number} meanwhile"))
                    .await,
            );
        }
        for task in tasks {
            task.await.unwrap();
        }
        let ended = engine.import_ended(import).await.unwrap();
        assert_eq!((ended.imported, ended.failed), (600, 0));
        settle(&engine).await;
        for (number, id) in saved.iter().enumerate() {
            assert_eq!(
                ids(&search(&engine, &format!("written{number}"), Mode::Words).await),
                [*id]
            );
        }
        assert_eq!(search(&engine, "imported", Mode::Words).await.total, 600);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_note_typed_during_an_import_is_found_in_its_last_version() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let source = tempfile::tempdir().unwrap();
        for number in 0..3_000 {
            let text = format!("imported text {number}");
            std::fs::write(source.path().join(format!("{number}.md")), text).unwrap();
        }
        let engine = open(dir.path()).await;
        let request =
            ImportRequest { roots: vec![source.path().to_owned()], ..ImportRequest::default() };
        let import = engine.import(request).await.unwrap();
        let mut changes = engine.changes();
        for round in 0..60 {
            let mut id = None;
            for part in 1..=4 {
                let text: Vec<String> = (0..part).map(|n| format!("typed{round}x{n}")).collect();
                let saved =
                    engine.save_note(id, None, draft("Typed", &text.join(" "))).await.unwrap();
                id = Some(saved.id);
            }
            let phrase = format!("\"typed{round}x2 typed{round}x3\"");
            let found = async {
                while search(&engine, &phrase, Mode::Both).await.total == 0 {
                    // Asked again only when told so, as an open tab does.
                    drop(changes.recv().await);
                }
            };
            let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), found).await;
            assert!(
                in_time.is_ok(),
                "round {round}: {:?}, now {} hits",
                engine.status_now().await,
                search(&engine, &phrase, Mode::Both).await.total
            );
        }
        engine.cancel_import(import).await.unwrap();
        engine.import_ended(import).await.unwrap();
        engine.close().await.unwrap();
    });
}

#[test]
fn the_real_model_finds_what_shares_no_word() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open_with(dir.path(), model).await;
        let lease = save(
            &engine,
            "Lease agreement",
            "The deposit is returned by the landlord within thirty days.",
        )
        .await;
        save(&engine, "Bread", "Sourdough needs a long rest in a cool place before baking.").await;
        save(&engine, "Valleys", "Glaciers carve wide valleys on their way to the sea.").await;
        settle(&engine).await;
        let hits =
            search(&engine, "when do we get our money back from the flat owner", Mode::Meaning)
                .await;
        assert_eq!(hits.hits[0].head.id, lease);
        assert_eq!(hits.hits[0].why, Why::Meaning);
        assert!(hits.hits[0].passage.is_some());
        let hits = search(&engine, "refund rental", Mode::Both).await;
        assert_eq!(hits.hits[0].head.id, lease, "{:?}", hits.hits[0].explanation);
        assert_eq!(search(&engine, "\"sourdough needs\"", Mode::Both).await.total, 1);
        let status = engine.status_now().await.unwrap();
        assert_eq!(status.chunks, 3);
        let related = engine.related(lease, 2).await.unwrap();
        assert!(related.iter().all(|hit| hit.head.id != lease));
        engine.close().await.unwrap();
    });
}

#[test]
fn synonyms_of_ones_own_find_each_other() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let car = save(&engine, "Garage", "the car is red").await;
        let auto = save(&engine, "Werkstatt", "das Auto ist rot").await;
        let vehicle = save(&engine, "Sale", "a motor vehicle and a bike").await;
        let motor = save(&engine, "Boat", "the motor was bought with a vehicle").await;
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "car", Mode::Words).await), [car]);
        let groups = vec![
            vec!["car".into(), " Auto".into(), "auto".into(), "motor  vehicle".into()],
            vec!["lonely".into(), " ".into()],
        ];
        let stored = engine.set_synonyms(groups).await.unwrap();
        assert_eq!(stored, [["car", "Auto", "motor vehicle"]]);
        assert_eq!(engine.synonyms().await.unwrap(), stored);
        let check = async |text: &str, first: note::NoteId, others: &[note::NoteId]| {
            let hits = search(&engine, text, Mode::Words).await;
            let mut found = ids(&hits);
            assert_eq!(found[0], first, "{text}: the word itself counts more");
            found.sort();
            assert_eq!(found, others, "{text}");
            hits
        };
        let hits = check("cars", car, &[car, auto, vehicle]).await;
        check("auto", auto, &[car, auto, vehicle]).await;
        check("motor vehicle", vehicle, &[car, auto, vehicle, motor]).await;
        let hit = hits.hits.iter().find(|hit| hit.head.id == vehicle).unwrap();
        let marked: Vec<&str> =
            hit.snippet.marks.iter().map(|mark| &hit.snippet.text[mark.clone()]).collect();
        assert_eq!(marked, ["motor", "vehicle"]);
        let why = engine.explain("cars".to_owned(), vehicle).await.unwrap().unwrap();
        assert!(why.contains("cars (with synonyms: motor vehicle)"), "{why}");
        engine.close().await.unwrap();

        let engine = open(dir.path()).await;
        assert_eq!(ids(&search(&engine, "car", Mode::Words).await).len(), 3, "they are kept");
        let long = vec![vec!["a".repeat(101), "b".to_owned()]];
        assert_eq!(engine.set_synonyms(long).await.unwrap_err().code, Code::Invalid);
        assert_eq!(engine.synonyms().await.unwrap(), stored);
        engine.set_synonyms(Vec::new()).await.unwrap();
        assert_eq!(ids(&search(&engine, "car", Mode::Words).await), [car]);
        engine.close().await.unwrap();
    });
}

#[test]
fn of_equally_good_notes_the_one_in_use_comes_first() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(save(&engine, "Flat", "the deposit is returned").await);
        }
        let better = save(&engine, "Deposit", "the deposit").await;
        settle(&engine).await;
        for mode in [Mode::Words, Mode::Both] {
            assert_eq!(ids(&search(&engine, "deposit", mode).await)[1], made[0], "{mode:?}");
        }
        for _ in 0..3 {
            engine.count_open(made[2]).await.unwrap();
        }
        engine.close().await.unwrap();
        let engine = open(dir.path()).await;
        for mode in [Mode::Words, Mode::Both] {
            let hits = search(&engine, "deposit", mode).await;
            assert_eq!(ids(&hits)[..2], [better, made[2]], "{mode:?}");
            let why = &hits.hits[1].explanation;
            assert!(why.contains("opened 3 times"), "{why}");
        }
        engine.delete(vec![made[2]]).await.unwrap();
        assert!(engine.read(|read| read.opens()).await.unwrap().is_empty());
        engine.close().await.unwrap();
    });
}

#[test]
fn own_notes_are_searched_for_by_title_and_passage() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        for (title, body) in [
            ("Lease -- flat (old)", "The landlord keeps three months of rent until May."),
            ("Zoo", "Quokkas sleep under the bushes while the sun is high."),
            ("Zoo", "We saw nothing but rain and went home by the early train."),
            ("敷金", "敷金は退去後三十日以内に返還されます。"),
        ] {
            save(&engine, title, body).await;
        }
        settle(&engine).await;
        let probes = engine.probes(10, 5).await.unwrap();
        assert_eq!(probes, engine.probes(10, 5).await.unwrap(), "seeded");
        assert_eq!(probes.len(), 8);
        assert_eq!(engine.probes(2, 5).await.unwrap().len(), 4);
        for mode in [Mode::Words, Mode::Both] {
            let found = engine.findability(&probes, mode, &CancellationToken::new()).await.unwrap();
            assert_eq!((found.asked, found.first), (8, 8), "{mode:?} {:?}", found.missed);
            assert!((found.mrr() - 1.0).abs() < 1e-9);
        }
        let token = CancellationToken::new();
        token.cancel();
        let stopped = engine.findability(&probes, Mode::Words, &token).await;
        assert_eq!(stopped.unwrap_err().code, Code::Cancelled);
        engine.close().await.unwrap();
    });
}
