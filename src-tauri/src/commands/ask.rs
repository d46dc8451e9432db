use std::collections::HashMap;
use std::sync::Mutex;

use tauri::{AppHandle, State};
use tokio_util::sync::CancellationToken;

use super::Slot;
use crate::dto::{Answer, AnswerProgress, AskRequest};
use crate::error::Result;
use crate::events;

/// The questions that are being answered, by the names that the page gave them.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<String, CancellationToken>>);

impl Questions {
    fn begin(&self, name: &str) -> CancellationToken {
        let token = CancellationToken::new();
        let older =
            self.0.lock().expect("no panic while held").insert(name.to_owned(), token.clone());
        if let Some(older) = older {
            older.cancel();
        }
        token
    }

    fn end(&self, name: &str) -> Option<CancellationToken> {
        self.0.lock().expect("no panic while held").remove(name)
    }
}

/// Answers a question; the main window is told the passages and what a model writes until then. Rejects with
/// `busy` after `cancel_ask`.
#[tauri::command]
pub(crate) async fn ask(
    app: AppHandle,
    slot: Slot<'_>,
    questions: State<'_, Questions>,
    request: AskRequest,
) -> Result<Answer> {
    let engine = slot.get().await?;
    let name = request.name.clone();
    let token = questions.begin(&name);
    let mut on = |progress| events::answer_progress(&app, AnswerProgress::new(&name, progress));
    let (asked, before) = request.into();
    let answer = engine.answer(asked, before, token.clone(), &mut on).await;
    if !token.is_cancelled() {
        questions.end(&name);
    }
    Ok(answer?.into())
}

#[tauri::command]
pub(crate) async fn cancel_ask(questions: State<'_, Questions>, name: String) -> Result<()> {
    if let Some(token) = questions.end(&name) {
        token.cancel();
    }
    Ok(())
}

/// What the language model that writes answers is called; none: answers are sentences of the notes.
#[tauri::command]
pub(crate) async fn get_generator(slot: Slot<'_>) -> Result<Option<String>> {
    let model = slot.get().await?.generator().await?;
    Ok(model.map(|model| model.name()))
}
