//! Asking a model: one question, its retries, its time limits.

use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Call, Failure, Head, Next, Request, TICK};
use crate::endpoint::{Address, Api, Endpoint};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::wire::{self, MAX_TOTAL, Said, Stream, Unreadable};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    System,
    User,
    Assistant,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

impl Message {
    pub fn new(role: Role, content: impl Into<String>) -> Message {
        Message { role, content: content.into() }
    }
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    #[default]
    Complete,
    /// The context, or the server's own limit, was full: the answer is cut off.
    Length,
    /// In the server's words.
    Other(String),
}

impl Stop {
    pub(crate) fn named(reason: &str) -> Stop {
        match reason {
            "stop" | "eos" | "end_turn" | "" => Stop::Complete,
            "length" | "max_tokens" => Stop::Length,
            other => Stop::Other(other.chars().take(60).collect()),
        }
    }
}

/// How an answer ended, and its tokens where the server counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finish {
    pub stop: Stop,
    pub prompt_tokens: Option<u32>,
    pub answer_tokens: Option<u32>,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// For looking a name up, and again for connecting.
    pub connect: Duration,
    /// From the request to the first token: a model may have to be read from disk and work through thousands
    /// of tokens on a processor alone.
    pub first_token: Duration,
    /// Between two signs of life after that.
    pub stall: Duration,
    /// For a whole answer.
    pub whole: Duration,
    /// For the list of models, from beginning to end.
    pub list: Duration,
    /// Before the second try; twice as long before each one after it.
    pub backoff: Duration,
    /// The longest wait that a server may ask for.
    pub longest_wait: Duration,
    /// Requests for one answer, the first included.
    pub tries: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(10),
            first_token: Duration::from_mins(5),
            stall: Duration::from_mins(1),
            whole: Duration::from_mins(30),
            list: Duration::from_secs(15),
            backoff: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            tries: 4,
        }
    }
}

/// What a short question to a model showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The beginning of what it said.
    pub answer: String,
    /// From the request to the first token.
    pub first_token: Duration,
    pub whole: Duration,
}

/// Answers longer than this are cut off from what the test shows.
const TRIAL_CHARS: usize = 200;
/// Bytes of an error's body that are read.
const MAX_ERROR: usize = 64 << 10;
/// Bytes of a list of models: hosted ones list hundreds, with their descriptions.
const MAX_LIST: usize = 8 << 20;

/// A model that may be spoken to. Any thread may use it, at any time.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    address: Address,
    timing: Timing,
}

impl Client {
    /// Looks at the address. Hosts beyond this machine have to be in `allowed` (see
    /// [`crate::check_allowed_host`] for how they are written); nothing is sent.
    pub fn new(endpoint: Endpoint, allowed: &[String]) -> Result<Client> {
        let address = Address::parse(&endpoint.base_url)?;
        address.check(allowed)?;
        Ok(Client { endpoint, address, timing: Timing::default() })
    }

    pub fn with_timing(self, timing: Timing) -> Client {
        Client { timing, ..self }
    }

    /// The host of an address, with its port unless that is the usual one: what keys are bound to.
    pub fn host_of(base_url: &str) -> Result<String> {
        Ok(Address::parse(base_url)?.host)
    }

    pub fn host(&self) -> &str {
        &self.address.host
    }

    /// What is sent stays on this machine.
    pub fn is_local(&self) -> bool {
        self.address.is_local
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks, and gives the answer piece by piece to `on_token`, which is called on this thread. A server that
    /// is busy, failing or not there yet is asked again, but only before it has said anything. A `cancelled`
    /// that turns true ends the call within [`TICK`] and what `on_token` takes.
    pub fn chat(
        &self,
        messages: &[Message],
        key: Option<&Secret>,
        cancelled: &dyn Fn() -> bool,
        on_token: &mut dyn FnMut(&str),
    ) -> Result<Finish> {
        let (url, body) = self.question(messages);
        let mut wait = self.timing.backoff;
        for attempt in 1.. {
            let request = self.request(url.clone(), Some(body.clone()), key);
            let mut has_spoken = false;
            let mut tell = |text: &str| {
                has_spoken = true;
                on_token(text);
            };
            let error = match self.answer(request, cancelled, &mut tell) {
                Ok(finish) => return Ok(finish),
                Err(error) => redacted(error, key),
            };
            let Some(asked) = worth_a_retry(&error).filter(|_| !has_spoken) else {
                return Err(error);
            };
            let pause = asked.unwrap_or(wait).max(wait);
            if attempt >= self.timing.tries || pause > self.timing.longest_wait {
                return Err(error);
            }
            tracing::debug!(%error, attempt, "the language model is asked again");
            pause_for(pause, cancelled)?;
            wait *= 2;
        }
        Err(Error::Cancelled)
    }

    /// The models that the server offers, by name.
    pub fn models(
        &self,
        key: Option<&Secret>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<String>> {
        let url = self.address.v1("/models");
        self.list(url, key, cancelled).map_err(|error| redacted(error, key))
    }

    /// Asks for one word, as a question would, without trying again.
    pub fn test(&self, key: Option<&Secret>, cancelled: &dyn Fn() -> bool) -> Result<Trial> {
        let messages = [Message::new(Role::User, "Answer with the single word: ready")];
        let once = Client {
            endpoint: self.endpoint.clone(),
            address: self.address.clone(),
            timing: Timing { tries: 1, ..self.timing },
        };
        let started = Instant::now();
        let (mut answer, mut first_token) = (String::new(), None);
        let mut take = |text: &str| {
            first_token.get_or_insert_with(|| started.elapsed());
            let room = TRIAL_CHARS.saturating_sub(answer.chars().count());
            answer.extend(text.chars().take(room));
        };
        once.chat(&messages, key, cancelled, &mut take)?;
        let whole = started.elapsed();
        Ok(Trial { answer, first_token: first_token.unwrap_or(whole), whole })
    }

    pub(crate) fn list(
        &self,
        url: String,
        key: Option<&Secret>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<String>> {
        let limit = self.timing.list;
        let deadline = Instant::now() + limit;
        let call = Call::start(self.request(url, None, key))?;
        let head = self.head(&call, cancelled, deadline, limit)?;
        if head.content_type.contains("html") {
            return Err(self.not_a_model(head));
        }
        let list = self.body(&call, cancelled, deadline, limit, MAX_LIST)?;
        wire::read_models(&list).map_err(|error| self.unreadable(error))
    }

    fn request<'a>(
        &'a self,
        url: String,
        body: Option<String>,
        key: Option<&'a Secret>,
    ) -> Request<'a> {
        Request { address: &self.address, url, body, key, connect: self.timing.connect }
    }

    /// Where the question goes, and what is sent.
    fn question(&self, messages: &[Message]) -> (String, String) {
        let Endpoint { api, model, temperature, context_tokens, .. } = &self.endpoint;
        let mut body = json!({ "model": model, "messages": messages, "stream": true });
        // By way of a string: a 0.7 of 32 bits would be sent as 0.699999988079071.
        let temperature: Option<f64> = temperature.and_then(|it| it.to_string().parse().ok());
        let url = match api {
            Api::OpenAi => {
                if let Some(temperature) = temperature {
                    body["temperature"] = json!(temperature);
                }
                self.address.v1("/chat/completions")
            }
            Api::Ollama => {
                body["options"] = json!({ "num_ctx": context_tokens });
                if let Some(temperature) = temperature {
                    body["options"]["temperature"] = json!(temperature);
                }
                self.address.native("/api/chat")
            }
        };
        (url, body.to_string())
    }

    /// One try.
    fn answer(
        &self,
        request: Request<'_>,
        cancelled: &dyn Fn() -> bool,
        on_token: &mut dyn FnMut(&str),
    ) -> Result<Finish> {
        let started = Instant::now();
        let first = started + self.timing.first_token;
        let call = Call::start(request)?;
        let head = self.head(&call, cancelled, first, self.timing.first_token)?;
        let api = self.endpoint.api;
        let mut reading =
            Reading { on_token, text: 0, is_blank: true, failed: None, is_done: false };
        let end = match head.content_type.as_str() {
            "application/json" if api == Api::OpenAi => {
                let limit = self.timing.first_token;
                let body = self.body(&call, cancelled, first, limit, MAX_TOTAL)?;
                let text = String::from_utf8_lossy(&body);
                let mut tell = |said| reading.take(said);
                if text.trim_start().starts_with('{') {
                    wire::read_whole(api, &text, &mut tell)
                } else {
                    let mut stream = Stream::new(api);
                    stream.push(&body, &mut tell).and_then(|()| stream.end(&mut tell))
                }
            }
            ""
            | "text/event-stream"
            | "text/plain"
            | "application/json"
            | "application/x-ndjson"
            | "application/ndjson"
            | "application/octet-stream" => {
                let mut stream = Stream::new(api);
                let mut deadline = first;
                let mut total = 0;
                loop {
                    let whole = started + self.timing.whole;
                    match call.next(cancelled, deadline.min(whole))? {
                        Next::Piece(piece) => {
                            total += piece.len();
                            if total > MAX_TOTAL {
                                return Err(self.too_long(MAX_TOTAL));
                            }
                            let pushed = stream.push(&piece, &mut |said| reading.take(said));
                            pushed.map_err(|error| self.unreadable(error))?;
                            if reading.text > 0 {
                                deadline = Instant::now() + self.timing.stall;
                            }
                            if reading.is_done || reading.failed.is_some() {
                                break;
                            }
                        }
                        Next::Head(_) | Next::End => break,
                        Next::Failed(failure) => return Err(self.failed(failure)),
                        Next::Late if Instant::now() >= whole => {
                            let limit = self.timing.whole;
                            return Err(Error::Endless { host: self.address.host.clone(), limit });
                        }
                        Next::Late if reading.text > 0 => {
                            let limit = self.timing.stall;
                            return Err(Error::Stalled { host: self.address.host.clone(), limit });
                        }
                        Next::Late => return Err(self.no_first_token(self.timing.first_token)),
                    }
                }
                stream.end(&mut |said| reading.take(said))
            }
            _ => return Err(self.not_a_model(head)),
        };
        if let Some(message) = reading.failed {
            return Err(Error::Reported { host: self.address.host.clone(), message });
        }
        match end.map_err(|error| self.unreadable(error))? {
            _ if reading.is_blank => Err(Error::Empty { host: self.address.host.clone() }),
            Some(finish) => Ok(finish),
            None => Err(self.failed(Failure::BrokenOff)),
        }
    }

    /// The head of a response that is fit to be read.
    fn head(
        &self,
        call: &Call,
        cancelled: &dyn Fn() -> bool,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Head> {
        let head = match call.next(cancelled, deadline)? {
            Next::Head(head) => head,
            Next::Failed(failure) => return Err(self.failed(failure)),
            Next::Late => return Err(self.no_first_token(limit)),
            Next::Piece(_) | Next::End => return Err(self.failed(Failure::BrokenOff)),
        };
        let host = self.address.host.clone();
        match head.status {
            200 => return Ok(head),
            300..400 => return Err(Error::Redirect { host }),
            _ => {}
        }
        // Whatever is wrong with the body, the status has been told.
        let soon = deadline.min(Instant::now() + self.timing.connect);
        let message = match self.body(call, cancelled, soon, limit, MAX_ERROR) {
            Ok(body) => wire::message_in(&body),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(_) => String::new(),
        };
        let retry_after = head.retry_after;
        Err(match head.status {
            401 | 403 => Error::Unauthorised { host, message },
            404 => Error::NotFound { host, message },
            429 | 503 => Error::Busy { host, retry_after, message },
            status => Error::Status { host, status, message },
        })
    }

    /// All that is left of a response.
    fn body(
        &self,
        call: &Call,
        cancelled: &dyn Fn() -> bool,
        deadline: Instant,
        limit: Duration,
        most: usize,
    ) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match call.next(cancelled, deadline)? {
                Next::Piece(piece) if body.len() + piece.len() > most => {
                    return Err(self.too_long(most));
                }
                Next::Piece(piece) => body.extend(piece),
                Next::Head(_) | Next::End => return Ok(body),
                Next::Failed(failure) => return Err(self.failed(failure)),
                Next::Late => return Err(self.no_first_token(limit)),
            }
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        let host = self.address.host.clone();
        match failure {
            Failure::Refused => Error::NotRunning { host },
            Failure::Unreachable(reason) => Error::Unreachable { host, reason },
            Failure::BrokenOff => Error::BrokenOff { host },
            Failure::Garbled(reason) => Error::Garbled { host, reason },
        }
    }

    fn unreadable(&self, error: Unreadable) -> Error {
        match error {
            Unreadable::LongLine => self.too_long(wire::MAX_LINE),
            Unreadable::Garbled(reason) => {
                Error::Garbled { host: self.address.host.clone(), reason }
            }
        }
    }

    fn too_long(&self, limit: usize) -> Error {
        Error::TooLong { host: self.address.host.clone(), limit }
    }

    fn no_first_token(&self, limit: Duration) -> Error {
        Error::NoFirstToken { host: self.address.host.clone(), limit }
    }

    fn not_a_model(&self, head: Head) -> Error {
        Error::NotAModel { host: self.address.host.clone(), content_type: head.content_type }
    }
}

/// What has been heard of one answer.
struct Reading<'a> {
    on_token: &'a mut dyn FnMut(&str),
    /// Bytes of the answer.
    text: usize,
    is_blank: bool,
    failed: Option<String>,
    is_done: bool,
}

impl Reading<'_> {
    fn take(&mut self, said: Said) {
        match said {
            Said::Text(text) => {
                self.text += text.len();
                self.is_blank &= text.trim().is_empty();
                (self.on_token)(&text);
            }
            Said::Alive => {}
            Said::Done => self.is_done = true,
            Said::Failed(message) => self.failed = Some(message),
        }
    }
}

/// Whether another try may do better, and how long the server asks to wait before it.
fn worth_a_retry(error: &Error) -> Option<Option<Duration>> {
    match error {
        Error::Busy { retry_after, .. } => Some(*retry_after),
        Error::Status { status: 500.., .. } | Error::NotRunning { .. } => Some(None),
        _ => None,
    }
}

fn pause_for(pause: Duration, cancelled: &dyn Fn() -> bool) -> Result<()> {
    let end = Instant::now() + pause;
    loop {
        if cancelled() {
            return Err(Error::Cancelled);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(TICK));
    }
}

/// Some servers repeat the key in what they report.
fn redacted(error: Error, key: Option<&Secret>) -> Error {
    let Some(key) = key.map(Secret::expose).filter(|key| !key.is_empty()) else { return error };
    let hide = |text: String| text.replace(key, "…");
    match error {
        Error::Unauthorised { host, message } => {
            Error::Unauthorised { host, message: hide(message) }
        }
        Error::NotFound { host, message } => Error::NotFound { host, message: hide(message) },
        Error::Busy { host, retry_after, message } => {
            Error::Busy { host, retry_after, message: hide(message) }
        }
        Error::Status { host, status, message } => {
            Error::Status { host, status, message: hide(message) }
        }
        Error::Reported { host, message } => Error::Reported { host, message: hide(message) },
        Error::Garbled { host, reason } => Error::Garbled { host, reason: hide(reason) },
        other => other,
    }
}
