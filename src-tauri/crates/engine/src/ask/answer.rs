//! An answer from beginning to end: the passages, then either their own sentences or what a language model
//! makes of them, checked against them.

use std::pin::Pin;
use std::sync::Arc;

use llm::Message;
use tokio_util::sync::CancellationToken;

use super::prompt::{self, Turn};
use super::proof::{self, Claim, Support};
use super::{AskRequest, Found, Quote, find};
use crate::engine::Inner;
use crate::error::{Error, Result};

/// A language model, wherever it runs. It is given no tools: all that it can do is write.
pub trait Generate: Send + Sync {
    /// What it is called, as shown.
    fn name(&self) -> String;

    /// Tokens that a prompt and its answer may have together.
    fn context_tokens(&self) -> usize;

    /// Notebooks that it must not see, with those below them.
    fn excluded_notebooks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Writes the answer to a conversation, piece by piece.
    ///
    /// # Errors
    /// [`crate::Code::Cancelled`] within 100 ms after `token` is cancelled; whatever went wrong otherwise, also
    /// after some pieces.
    fn generate<'a>(
        &'a self,
        messages: &'a [Message],
        token: &'a CancellationToken,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;
}

/// What happens while a question is answered, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerProgress {
    /// The passages are there.
    Found(Box<Found>),
    /// So many questions are answered first.
    Waiting(usize),
    /// The model wrote on.
    Text(String),
}

/// A question's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub found: Found,
    /// Its sentences in order; each cites quotes of `found` by their places. None where the notes do not
    /// answer.
    pub claims: Vec<Claim>,
    /// The language model that wrote it; none where the sentences are those of the notes.
    pub model: Option<String>,
    /// Why the model wrote nothing or stopped, if it failed: then the sentences are those of the notes.
    pub failure: Option<String>,
}

/// Passages that are given to a model, as far as its context holds them.
const PACKED: usize = 12;
/// Passages whose sentences make up an answer without a model, and the share of the first one's score and of
/// the question's words in it that the others must have.
const SENTENCES: usize = 3;
const BESIDE: f32 = 0.8;

pub(crate) async fn answer(
    inner: &Arc<Inner>,
    model: Option<Arc<dyn Generate>>,
    mut request: AskRequest,
    before: Vec<Turn>,
    token: CancellationToken,
    on: &mut (dyn FnMut(AnswerProgress) + Send),
) -> Result<Answer> {
    request.before = before.iter().map(|turn| turn.question.clone()).collect();
    if let Some(model) = &model {
        request.exclude.extend(model.excluded_notebooks());
        request.limit = PACKED;
    }
    let question = request.question.clone();
    let found = find(inner, request, token.clone()).await?;
    on(AnswerProgress::Found(Box::new(found.clone())));
    let Some(model) = model.filter(|_| found.answered) else {
        return Ok(Answer { claims: extract(&found), found, ..Answer::default() });
    };
    let prompt = prompt::pack(&question, &found.quotes, &before, model.context_tokens());
    let _turn = inner.question_turn(&token, |before| on(AnswerProgress::Waiting(before))).await?;
    let mut text = String::new();
    let mut heard = |piece: &str| {
        text.push_str(piece);
        on(AnswerProgress::Text(piece.to_owned()));
    };
    let written = tokio::select! {
        biased;
        () = token.cancelled() => Err(Error::cancelled()),
        written = model.generate(&prompt.messages, &token, &mut heard) => written,
    };
    let failure = match written {
        Ok(()) if text.trim().is_empty() => Some("The model wrote nothing.".to_owned()),
        Ok(()) => None,
        Err(error) if token.is_cancelled() => return Err(error),
        Err(error) => Some(error.message),
    };
    if failure.is_some() {
        return Ok(Answer { claims: extract(&found), found, model: None, failure });
    }
    let (inner, quotes) = (inner.clone(), found.quotes[..prompt.packed].to_vec());
    let claims = tokio::task::spawn_blocking(move || prove(&inner, &text, &quotes))
        .await
        .map_err(Error::internal)?;
    // What the model says cannot be told from the passages is no answer.
    let answered = !claims.is_empty() && !claims.iter().all(|claim| is_refusal(&claim.text));
    let found = Found { answered, ..found };
    let claims = if answered { claims } else { Vec::new() };
    Ok(Answer { found, claims, model: Some(model.name()), failure: None })
}

fn is_refusal(text: &str) -> bool {
    text.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case("not in your notes")
}

fn prove(inner: &Inner, text: &str, quotes: &[Quote]) -> Vec<Claim> {
    let model = inner.serving().model.ready();
    let mut near = |a: &str, b: &str| {
        let Some(model) = &model else { return 0.0 };
        match (model.embed_query(a), model.embed_passage(b)) {
            (Ok(a), Ok(b)) => a.iter().zip(&b).map(|(a, b)| a * b).sum(),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "a sentence is checked by its words alone");
                0.0
            }
        }
    };
    proof::check(text, quotes, &mut near)
}

/// The sentences of the notes that answer, each from its passage.
fn extract(found: &Found) -> Vec<Claim> {
    if !found.answered {
        return Vec::new();
    }
    let Some(first) = found.quotes.first() else { return Vec::new() };
    let says_as_much = |quote: &Quote| {
        quote.score >= first.score * BESIDE
            && quote.evidence.window_coverage >= first.evidence.window_coverage * BESIDE
    };
    let quotes = found.quotes.iter().enumerate().take(SENTENCES);
    quotes
        .filter(|(_, quote)| says_as_much(quote))
        .map(|(index, quote)| Claim {
            text: note::plain_text(&quote.text[quote.best.clone()]).trim().to_owned(),
            cites: vec![index],
            support: Support::Quoted,
            begins_line: index > 0,
        })
        .collect()
}
