//! Questions answered from the notes, by their own sentences and by language models of every kind.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use commonplace_tests::model_server::ModelServer;
use engine::{
    AnswerProgress, AskRequest, Code, Engine, Error, Generate, LanguageModel, Message, MessageRole,
    ModelSource, Support, Turn,
};
use note::{NoteDraft, NoteId};
use tokio_util::sync::CancellationToken;

use crate::support::{draft, open_with, real_model, run, save, settle};

const LEASE: &str = "# Terms\n\nThe lease began on 1 March 2024. The landlord, Marta Lindqvist, keeps a \
    deposit of 4,200 euros. It is returned within 30 days after the keys are handed over.";

async fn filled(dir: &std::path::Path, model: ModelSource) -> (Engine, NoteId) {
    let engine = open_with(dir, model).await;
    let lease = save(&engine, "Lease agreement", LEASE).await;
    save(&engine, "Sourdough", "Feed the starter with 50 g of rye flour every morning.").await;
    save(
        &engine,
        "Trip to Lisbon",
        "We stayed near the river and walked to Belém. The tram was full.",
    )
    .await;
    engine
        .save_note(
            None,
            None,
            NoteDraft {
                notebook: "Work".to_owned(),
                ..draft("Standup", "Ana moves the release of the billing service to Thursday.")
            },
        )
        .await
        .unwrap();
    settle(&engine).await;
    (engine, lease)
}

fn request(question: &str) -> AskRequest {
    AskRequest { question: question.to_owned(), wait_for_model: true, ..AskRequest::default() }
}

async fn find(engine: &Engine, question: &str) -> engine::Found {
    engine.find_answer(request(question), CancellationToken::new()).await.unwrap()
}

#[test]
fn the_passage_that_answers_comes_first_and_is_quoted_as_it_stands() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, lease) = filled(dir.path(), model).await;
        for (question, answer) in [
            ("How much deposit does the landlord keep?", "4,200 euros"),
            ("When did the lease begin?", "1 March 2024"),
            ("Who is the landlord?", "Marta Lindqvist"),
        ] {
            let found = find(&engine, question).await;
            let first = &found.quotes[0];
            assert!(found.answered, "{question}: {found:?}");
            assert_eq!(first.note, lease, "{question}");
            assert!(first.text[first.best.clone()].contains(answer), "{question}: {first:?}");
            for quote in &found.quotes {
                let body = engine.note(quote.note).await.unwrap().body;
                assert_eq!(body[quote.range.clone()], quote.text, "{question}");
            }
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn what_no_note_says_is_not_answered() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, _) = filled(dir.path(), model).await;
        for question in [
            "Which enzyme splits lactose in the small intestine?",
            "How many moons does Jupiter have?",
            "",
        ] {
            let answer = engine
                .answer(request(question), Vec::new(), CancellationToken::new(), &mut |_| {})
                .await
                .unwrap();
            assert!(!answer.found.answered, "{question}: {answer:?}");
            assert!(answer.claims.is_empty(), "{question}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn filters_periods_and_excluded_notebooks_narrow() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, _) = filled(dir.path(), model).await;
        let found = find(&engine, "in:Work what moves to Thursday?").await;
        assert_eq!(found.chips, ["in:Work"]);
        assert!(found.quotes.iter().all(|quote| quote.notebook == "Work") && found.answered);
        let found = find(&engine, "created:2001 who is the landlord?").await;
        assert!(found.quotes.is_empty() && !found.answered);
        let found = find(&engine, "Which release did I note this month for Thursday?").await;
        assert!(found.period.is_some(), "{found:?}");
        let excluded = AskRequest {
            exclude: vec!["Work".to_owned()],
            ..request("Which release moves to Thursday?")
        };
        let found = engine.find_answer(excluded, CancellationToken::new()).await.unwrap();
        assert!(found.quotes.iter().all(|quote| quote.notebook != "Work"), "{found:?}");
        engine.close().await.unwrap();
    });
}

#[test]
fn a_follow_up_is_looked_up_with_the_question_before_it() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, lease) = filled(dir.path(), model).await;
        let follow_up = AskRequest {
            before: vec!["How much deposit does the landlord keep?".to_owned()],
            ..request("And when is it returned?")
        };
        let found = engine.find_answer(follow_up, CancellationToken::new()).await.unwrap();
        assert_eq!(found.quotes[0].note, lease);
        engine.close().await.unwrap();
    });
}

#[test]
fn without_an_embedding_model_words_answer() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, lease) = filled(dir.path(), ModelSource::None).await;
        let found = find(&engine, "How much deposit does the landlord keep?").await;
        assert!(found.answered && found.quotes[0].note == lease, "{found:?}");
        assert!(!find(&engine, "How many penguins does the zoo keep?").await.answered);
        engine.close().await.unwrap();
    });
}

/// What a scripted model does.
#[derive(Clone)]
enum Act {
    Write(&'static str),
    Fail,
    /// Writes nothing more and never ends by itself.
    Stall,
}

struct Scripted {
    acts: Vec<Act>,
    heard: Mutex<Vec<Message>>,
}

impl Scripted {
    fn new(acts: &[Act]) -> Arc<Scripted> {
        Arc::new(Scripted { acts: acts.to_vec(), heard: Mutex::default() })
    }
}

impl Generate for Scripted {
    fn name(&self) -> String {
        "scripted".to_owned()
    }

    fn context_tokens(&self) -> usize {
        2048
    }

    fn generate<'a>(
        &'a self,
        messages: &'a [Message],
        token: &'a CancellationToken,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> Pin<Box<dyn Future<Output = engine::Result<()>> + Send + 'a>> {
        Box::pin(async move {
            *self.heard.lock().unwrap() = messages.to_vec();
            for act in &self.acts {
                match act {
                    Act::Write(text) => on_text(text),
                    Act::Fail => return Err(Error::new(Code::Internal, "the line is dead")),
                    Act::Stall => token.cancelled().await,
                }
            }
            Ok(())
        })
    }
}

#[test]
fn what_a_model_writes_is_checked_against_the_passages() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, lease) = filled(dir.path(), model).await;
        let scripted = Scripted::new(&[
            Act::Write("The landlord keeps a deposit of 4,200 "),
            Act::Write("euros [1]. It is paid in gold [1]. See [17]."),
        ]);
        engine.set_generator(scripted.clone());
        let before = vec![Turn { question: "Who?".to_owned(), answer: "Marta.".to_owned() }];
        let (mut streamed, mut found_first) = (String::new(), false);
        let answer = engine
            .answer(
                request("How much deposit does the landlord keep?"),
                before,
                CancellationToken::new(),
                &mut |progress| match progress {
                    AnswerProgress::Found(found) => {
                        found_first = streamed.is_empty() && found.answered;
                    }
                    AnswerProgress::Text(text) => streamed.push_str(&text),
                    AnswerProgress::Waiting(_) => {}
                },
            )
            .await
            .unwrap();
        assert!(found_first && streamed.ends_with("[17]."));
        assert_eq!(answer.model.as_deref(), Some("scripted"));
        assert_eq!(answer.found.quotes[0].note, lease);
        let supports: Vec<Support> = answer.claims.iter().map(|claim| claim.support).collect();
        assert_ne!(supports[0], Support::None, "{answer:?}");
        assert_eq!(supports[1..], [Support::None, Support::None], "{answer:?}");
        assert!(answer.claims[2].cites.is_empty(), "an invented citation is dropped");
        let heard = scripted.heard.lock().unwrap().clone();
        assert_eq!(heard[0].role, MessageRole::System);
        assert_eq!(heard[2].content, "Marta.");
        assert!(heard.last().unwrap().content.contains("<<<passage 1 | Lease agreement"));
        engine.close().await.unwrap();
    });
}

#[test]
fn a_model_that_fails_or_refuses_leaves_what_the_notes_say() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, _) = filled(dir.path(), model).await;
        let question = "How much deposit does the landlord keep?";
        for acts in [&[Act::Fail][..], &[Act::Write("The dep"), Act::Fail], &[]] {
            engine.set_generator(Scripted::new(acts));
            let answer = engine
                .answer(request(question), Vec::new(), CancellationToken::new(), &mut |_| {})
                .await
                .unwrap();
            assert!(answer.failure.is_some() && answer.model.is_none(), "{answer:?}");
            assert!(answer.claims[0].text.contains("4,200 euros"), "{answer:?}");
        }
        engine.set_generator(Scripted::new(&[Act::Write("Not in your notes.")]));
        let answer = engine
            .answer(request(question), Vec::new(), CancellationToken::new(), &mut |_| {})
            .await
            .unwrap();
        assert!(!answer.found.answered && answer.claims.is_empty(), "{answer:?}");
        engine.close().await.unwrap();
    });
}

#[test]
fn sixteen_questions_to_a_model_that_stalls_all_end_when_they_are_stopped() {
    let Some(model) = real_model() else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, _) = filled(dir.path(), model).await;
        engine.set_generator(Scripted::new(&[Act::Write("It"), Act::Stall]));
        let token = CancellationToken::new();
        let (sender, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let asked: Vec<_> = (0..16)
            .map(|_| {
                let (engine, token, sender) = (engine.clone(), token.clone(), sender.clone());
                tokio::spawn(async move {
                    let mut on = |progress| {
                        if !matches!(progress, AnswerProgress::Found(_)) {
                            sender.send(progress).unwrap();
                        }
                    };
                    let question = request("How much deposit does the landlord keep?");
                    engine.answer(question, Vec::new(), token, &mut on).await
                })
            })
            .collect();
        // Some write, and the others say that they wait.
        let (mut writing, mut waiting) = (0, 0);
        while writing + waiting < 16 {
            match begun.recv().await.unwrap() {
                AnswerProgress::Waiting(_) => waiting += 1,
                _ => writing += 1,
            }
        }
        assert!(writing >= 1 && waiting >= 13, "{writing} write, {waiting} wait");
        // Meanwhile searches and questions that need no model are answered.
        assert!(find(&engine, "Who is the landlord?").await.answered);
        token.cancel();
        for asked in asked {
            assert_eq!(asked.await.unwrap().unwrap_err().code, Code::Cancelled);
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn the_model_that_is_set_up_writes_the_answer_and_is_sent_nothing_that_is_excluded() {
    let Some(model) = real_model() else { return };
    let server = ModelServer::start(|_, wire| {
        wire.answer("The landlord keeps a deposit of 4,200 euros [1].");
    });
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (engine, lease) = filled(dir.path(), model).await;
        let diary =
            "The landlord keeps a deposit of 4,200 euros, which made me cry in the kitchen.";
        let private = NoteDraft { notebook: "Private/Diary".to_owned(), ..draft("Diary", diary) };
        engine.save_note(None, None, private).await.unwrap();
        settle(&engine).await;
        let settings = LanguageModel {
            enabled: true,
            base_url: server.url.clone(),
            model: "m".to_owned(),
            excluded_notebooks: vec!["private".to_owned()],
            ..LanguageModel::default()
        };
        engine.set_language_model(settings.clone()).await.unwrap();
        // The alternative would get around a filter.
        for question in
            ["How much deposit does the landlord keep?", "landlord deposit OR deposit kitchen"]
        {
            let mut written = String::new();
            let mut on = |progress| {
                if let AnswerProgress::Text(text) = progress {
                    written.push_str(&text);
                }
            };
            let token = CancellationToken::new();
            let answer =
                engine.answer(request(question), Vec::new(), token, &mut on).await.unwrap();
            assert!(answer.found.quotes.iter().all(|quote| quote.title != "Diary"), "{answer:?}");
            if answer.found.answered {
                assert_eq!(answer.failure, None);
                assert!(answer.model.unwrap().starts_with("m at 127.0.0.1"));
                assert_eq!(answer.found.quotes[0].note, lease);
                assert_ne!(answer.claims[0].support, Support::None);
                assert_eq!(written, "The landlord keeps a deposit of 4,200 euros [1].");
            }
        }
        let asked = server.asked();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|asked| !asked.question().contains("made me cry")));
        // Off again: the notes' own words.
        let off = LanguageModel { enabled: false, ..settings };
        engine.set_language_model(off).await.unwrap();
        let question = request("How much deposit does the landlord keep?");
        let answer = engine
            .answer(question, Vec::new(), CancellationToken::new(), &mut |_| {})
            .await
            .unwrap();
        assert!(answer.model.is_none() && answer.found.answered);
        assert_eq!(server.asked().len(), asked.len());
        engine.close().await.unwrap();
    });
}
