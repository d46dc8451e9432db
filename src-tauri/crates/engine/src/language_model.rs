//! The language model that the person set up: its settings, its key, and the queue of questions to it. Off
//! until set up; what may be sent to it is for the caller to choose and for the settings to bound.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llm::{Api, Client, Endpoint, Finish, Found, Kept, Keys, Message, Secret, Stop, Timing, Trial};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::ask::Generate;
use crate::engine::{Engine, Inner};
use crate::error::{Error, Result};

/// How a language model is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LanguageModel {
    pub enabled: bool,
    /// Of its server, with or without `/v1`.
    pub base_url: String,
    pub api: Api,
    pub model: String,
    /// As the server has it, if none; 0 to 2.
    pub temperature: Option<f32>,
    /// Tokens of question, passages and answer together.
    pub context_tokens: u32,
    /// Hosts beyond this machine that notes may be sent to (see [`llm::check_allowed_host`]).
    pub allowed_hosts: Vec<String>,
    /// What is in these, and below them, is neither sent to a model nor shown to a program that asks over MCP.
    pub excluded_notebooks: Vec<String>,
}

impl Default for LanguageModel {
    fn default() -> Self {
        LanguageModel {
            enabled: false,
            base_url: String::new(),
            api: Api::default(),
            model: String::new(),
            temperature: Some(0.2),
            context_tokens: 8192,
            allowed_hosts: Vec::new(),
            excluded_notebooks: Vec::new(),
        }
    }
}

impl LanguageModel {
    /// Whether a notebook, as a path, is kept from models and programs.
    pub fn excludes(&self, notebook: &str) -> bool {
        is_within(notebook, &self.excluded_notebooks)
    }

    /// Put before a query, so that what is excluded takes no places among the hits. It narrows the work, but
    /// a query with alternatives may get around it: look at each hit with [`LanguageModel::excludes`].
    pub fn narrowing(&self) -> String {
        narrowing(&self.excluded_notebooks)
    }

    /// The host that questions go to, with its port, if the address is one.
    pub fn host(&self) -> Option<String> {
        Client::host_of(&self.base_url).ok()
    }

    fn client(&self) -> Result<Client> {
        let endpoint = Endpoint {
            base_url: self.base_url.clone(),
            api: self.api,
            model: self.model.clone(),
            temperature: self.temperature,
            context_tokens: self.context_tokens,
        };
        Ok(Client::new(endpoint, &self.allowed_hosts)?)
    }

    /// Without blanks and doubles, or what is wrong.
    fn cleaned(mut self) -> Result<LanguageModel> {
        self.base_url = self.base_url.trim().to_owned();
        self.model = self.model.trim().to_owned();
        for list in [&mut self.allowed_hosts, &mut self.excluded_notebooks] {
            let mut kept: Vec<String> = Vec::new();
            for entry in list.drain(..).map(|entry| entry.trim().to_owned()) {
                if !entry.is_empty() && !kept.contains(&entry) {
                    kept.push(entry);
                }
            }
            *list = kept;
        }
        for host in &self.allowed_hosts {
            llm::check_allowed_host(host)?;
        }
        if self.temperature.is_some_and(|it| !(0.0..=2.0).contains(&it)) {
            return Err(Error::invalid("the temperature is a number from 0 to 2"));
        }
        if !CONTEXT.contains(&self.context_tokens) {
            let (least, most) = (CONTEXT.start(), CONTEXT.end());
            return Err(Error::invalid(format!("the context is {least} to {most} tokens long")));
        }
        if self.enabled {
            self.client()?;
            if self.model.is_empty() {
                return Err(Error::invalid("a model has to be chosen"));
            }
        }
        Ok(self)
    }
}

/// Whether a notebook, as a path, is one of several or below one.
pub(crate) fn is_within(notebook: &str, notebooks: &[String]) -> bool {
    let path = folded_path(notebook);
    notebooks.iter().map(|above| folded_path(above)).any(|above| {
        !above.is_empty()
            && path
                .strip_prefix(&above)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Filters that leave out notebooks with those below them, each with a blank after it.
pub(crate) fn narrowing(notebooks: &[String]) -> String {
    let bare = |path: &String| path.replace('"', "");
    let paths = notebooks.iter().map(bare).filter(|path| !path.trim().is_empty());
    paths.map(|path| format!("-in:\"{path}\" ")).collect()
}

/// As notebooks are compared by the filters of the query language.
fn folded_path(path: &str) -> String {
    let folded = note::fold(path);
    let names: Vec<&str> =
        folded.split('/').map(str::trim).filter(|name| !name.is_empty()).collect();
    names.join("/")
}

/// The model that the person set up, as it was when a question was asked.
struct SetUp {
    engine: Engine,
    settings: LanguageModel,
}

impl Generate for SetUp {
    fn name(&self) -> String {
        match self.settings.host() {
            Some(host) => format!("{} at {host}", self.settings.model),
            None => self.settings.model.clone(),
        }
    }

    fn context_tokens(&self) -> usize {
        self.settings.context_tokens as usize
    }

    fn excluded_notebooks(&self) -> Vec<String> {
        self.settings.excluded_notebooks.clone()
    }

    fn generate<'a>(
        &'a self,
        messages: &'a [Message],
        token: &'a CancellationToken,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        Box::pin(async move {
            let cancel = token.child_token();
            let _ends_with_the_future = cancel.clone().drop_guard();
            let (sender, mut written) = mpsc::channel::<String>(WRITTEN_AHEAD);
            // Where nobody listens any more, the token ends the call.
            let tell = move |text: &str| drop(sender.blocking_send(text.to_owned()));
            let chat = self.engine.chat(&self.settings, messages.to_vec(), &cancel, None, tell);
            tokio::pin!(chat);
            let finished = loop {
                tokio::select! {
                    biased;
                    Some(text) = written.recv() => on_text(&text),
                    finished = &mut chat => break finished,
                }
            };
            while let Ok(text) = written.try_recv() {
                on_text(&text);
            }
            match finished?.stop {
                Stop::Complete => Ok(()),
                Stop::Length => {
                    Err(Error::internal("the model's answer was too long for its context"))
                }
                Stop::Other(reason) => Err(Error::internal(format!("the model stopped: {reason}"))),
            }
        })
    }
}

/// Pieces of an answer that may wait to be shown.
const WRITTEN_AHEAD: usize = 64;

/// What one question goes through, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Generating {
    /// So many questions are answered first.
    Queued(usize),
    /// The model has it.
    Asked,
    Token(String),
}

const SETTING: &str = "language_model";
/// Hosts whose keys are in the keyring, so that it is not opened for the others.
const KEYS_SETTING: &str = "language_model_keys";
/// Tokens that make sense: less holds no passage, more has no model.
const CONTEXT: std::ops::RangeInclusive<u32> = 512..=4_000_000;
/// Questions at the same time: a model on this machine gains nothing from more.
const AT_ONCE: usize = 2;
/// For the first token of a test: the person waits for it.
const TRIAL: Duration = Duration::from_secs(90);

/// What the engine keeps of language models while it is open.
pub(crate) struct LanguageModels {
    keys: Arc<Keys>,
    queue: Arc<Queue>,
    /// Ends the test, or the look for models, that was begun last.
    trial: Mutex<CancellationToken>,
}

impl LanguageModels {
    pub(crate) fn new(keyring: bool) -> LanguageModels {
        LanguageModels {
            keys: Arc::new(if keyring { Keys::system() } else { Keys::session() }),
            queue: Arc::default(),
            trial: Mutex::default(),
        }
    }
}

impl Engine {
    /// The settings as stored.
    ///
    /// # Errors
    /// Where they cannot be read: excluded notebooks may be among them, so none are made up.
    pub async fn language_model(&self) -> Result<LanguageModel> {
        match self.setting(SETTING).await? {
            None => Ok(LanguageModel::default()),
            Some(json) => serde_json::from_str(&json).map_err(|error| {
                Error::internal(format!("the language model's settings are unreadable: {error}"))
            }),
        }
    }

    /// Stores the settings and gives them as stored.
    ///
    /// # Errors
    /// [`crate::Code::Invalid`] where they make no sense, or a host is not allowed; nothing is stored then.
    pub async fn set_language_model(&self, settings: LanguageModel) -> Result<LanguageModel> {
        let settings = settings.cleaned()?;
        let json = serde_json::to_string(&settings).map_err(Error::internal)?;
        self.set_setting(SETTING, json).await?;
        Ok(settings)
    }

    /// Where the key for an address is kept, if there is one. Opens no keyring.
    pub async fn language_model_key(&self, base_url: &str) -> Result<Option<Kept>> {
        let Ok(host) = Client::host_of(base_url) else { return Ok(None) };
        if self.inner.language_models.keys.is_in_session(&host) {
            return Ok(Some(Kept::Session));
        }
        Ok(self.stored_keys().await?.contains(&host).then_some(Kept::Keyring))
    }

    /// Keeps a key for the host of an address: in the system's keyring, or until the program ends. May wait
    /// for the person to unlock the keyring.
    pub async fn set_language_model_key(&self, base_url: &str, key: String) -> Result<Kept> {
        let host = Client::host_of(base_url)?;
        let (keys, name) = (self.inner.language_models.keys.clone(), host.clone());
        let kept = aside("key", move || keys.set(&name, &key)).await??;
        let mut stored = self.stored_keys().await?;
        stored.retain(|known| *known != host);
        if kept == Kept::Keyring {
            stored.push(host);
        }
        self.store_keys(&stored).await?;
        Ok(kept)
    }

    /// Forgets the key for the host of an address.
    pub async fn remove_language_model_key(&self, base_url: &str) -> Result<()> {
        let host = Client::host_of(base_url)?;
        let mut stored = self.stored_keys().await?;
        let keys = self.inner.language_models.keys.clone();
        if stored.contains(&host) {
            let name = host.clone();
            aside("key", move || keys.remove(&name)).await??;
            stored.retain(|known| *known != host);
            self.store_keys(&stored).await
        } else {
            keys.forget(&host);
            Ok(())
        }
    }

    /// Puts a short question to a model, with settings that need not be stored yet. A later test or list ends
    /// an earlier one.
    pub async fn test_language_model(&self, settings: LanguageModel) -> Result<Trial> {
        let settings = settings.cleaned()?;
        if settings.model.is_empty() {
            return Err(Error::invalid("a model has to be chosen"));
        }
        let timing = Timing { first_token: TRIAL, whole: TRIAL * 2, ..Timing::default() };
        let client = settings.client()?.with_timing(timing);
        self.try_out(client, |client, key, cancelled| client.test(key, cancelled)).await
    }

    /// The models of a server, with settings that need not be stored yet.
    pub async fn list_language_models(&self, settings: LanguageModel) -> Result<Vec<String>> {
        let client = settings.cleaned()?.client()?;
        self.try_out(client, |client, key, cancelled| client.models(key, cancelled)).await
    }

    /// Ends a test or a list that is under way.
    pub fn cancel_language_model_test(&self) {
        self.inner.language_models.trial.lock().expect("no panic while held").cancel();
    }

    /// Looks for servers at the usual ports of this machine, and nowhere else.
    pub async fn detect_language_models(&self) -> Result<Vec<Found>> {
        let token = self.next_trial();
        aside("detect", move || llm::detect(&|| token.is_cancelled())).await
    }

    /// Puts a question to the model that is set up, once it is its turn, and tells how it gets on; `on` is
    /// called from a thread of the question's own. Cancelling ends it within 100 ms, whatever the server does;
    /// so does letting go of the future.
    ///
    /// # Errors
    /// [`crate::Code::Invalid`] if no model is set up or its host is not allowed, [`crate::Code::Cancelled`],
    /// else what went wrong, in words for the person. What was told until then stays true.
    pub async fn generate(
        &self,
        messages: Vec<Message>,
        cancel: &CancellationToken,
        mut on: impl FnMut(Generating) + Send + 'static,
    ) -> Result<Finish> {
        let settings = self.language_model().await?;
        if !settings.enabled {
            return Err(Error::invalid("no language model is set up"));
        }
        let cancel = cancel.child_token();
        let _ends_with_the_future = cancel.clone().drop_guard();
        let turn =
            self.inner.question_turn(&cancel, |before| on(Generating::Queued(before))).await?;
        on(Generating::Asked);
        let token = move |token: &str| on(Generating::Token(token.to_owned()));
        self.chat(&settings, messages, &cancel, Some(turn), token).await
    }

    /// Puts a question to a model. `turn` is held until the call has ended, which may be after the future has.
    async fn chat(
        &self,
        settings: &LanguageModel,
        messages: Vec<Message>,
        cancel: &CancellationToken,
        turn: Option<Turn>,
        mut on_token: impl FnMut(&str) + Send + 'static,
    ) -> Result<Finish> {
        let client = settings.client()?;
        let key = tokio::select! {
            () = cancel.cancelled() => return Err(Error::cancelled()),
            key = self.key_for(client.host()) => key?,
        };
        let (stop, closing) = (cancel.clone(), self.inner.closing.clone());
        aside("question", move || {
            let _turn = turn;
            let cancelled = || stop.is_cancelled() || closing.is_cancelled();
            client.chat(&messages, key.as_ref(), &cancelled, &mut on_token)
        })
        .await?
        .map_err(Error::from)
    }

    /// The model that the settings name, if it is on.
    pub(crate) async fn set_up_model(&self) -> Result<Option<Arc<dyn Generate>>> {
        let settings = self.language_model().await?;
        let model = SetUp { engine: self.clone(), settings };
        Ok(model.settings.enabled.then(|| Arc::new(model) as Arc<dyn Generate>))
    }

    async fn try_out<T: Send + 'static>(
        &self,
        client: Client,
        ask: impl FnOnce(&Client, Option<&Secret>, &dyn Fn() -> bool) -> llm::Result<T> + Send + 'static,
    ) -> Result<T> {
        let token = self.next_trial();
        let key = tokio::select! {
            () = token.cancelled() => return Err(Error::cancelled()),
            key = self.key_for(client.host()) => key?,
        };
        let asked = aside("test", move || ask(&client, key.as_ref(), &|| token.is_cancelled()));
        Ok(asked.await??)
    }

    fn next_trial(&self) -> CancellationToken {
        let token = self.inner.closing.child_token();
        let mut trial = self.inner.language_models.trial.lock().expect("no panic while held");
        std::mem::replace(&mut *trial, token.clone()).cancel();
        token
    }

    async fn key_for(&self, host: &str) -> Result<Option<Secret>> {
        let keys = self.inner.language_models.keys.clone();
        if !keys.is_in_session(host) && !self.stored_keys().await?.iter().any(|it| it == host) {
            return Ok(None);
        }
        let host = host.to_owned();
        Ok(aside("key", move || keys.get(&host)).await?.map(|(secret, _)| secret))
    }

    async fn stored_keys(&self) -> Result<Vec<String>> {
        let json = self.setting(KEYS_SETTING).await?;
        Ok(json.map_or(Ok(Vec::new()), |json| serde_json::from_str(&json)).unwrap_or_default())
    }

    async fn store_keys(&self, hosts: &[String]) -> Result<()> {
        self.set_setting(KEYS_SETTING, serde_json::to_string(hosts).map_err(Error::internal)?).await
    }
}

/// Runs what waits for others on a thread of its own: tokio's are for what computes.
async fn aside<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name(format!("language-{name}"))
        // Who asked may have gone away.
        .spawn(move || drop(sender.send(run())))
        .map_err(Error::internal)?;
    receiver.await.map_err(Error::internal)
}

impl Inner {
    /// Waits until a question may be put to a model; `waits` is told how many are before it.
    ///
    /// # Errors
    /// [`crate::Code::Cancelled`], also when the engine closes.
    pub(crate) async fn question_turn(
        &self,
        cancel: &CancellationToken,
        waits: impl FnMut(usize),
    ) -> Result<Turn> {
        tokio::select! {
            () = cancel.cancelled() => Err(Error::cancelled()),
            () = self.closing.cancelled() => Err(Error::cancelled()),
            turn = self.language_models.queue.turn(waits) => Ok(turn),
        }
    }
}

/// Questions in the order in which they came; the first few are with the model.
#[derive(Default)]
struct Queue {
    tickets: Mutex<Tickets>,
    moved: watch::Sender<()>,
}

#[derive(Default)]
struct Tickets {
    next: u64,
    held: Vec<u64>,
}

/// A place in the queue, until it is dropped.
pub(crate) struct Turn {
    queue: Arc<Queue>,
    ticket: u64,
}

impl Queue {
    /// Waits until it is the caller's turn; tells each time how many places are before it.
    async fn turn(self: &Arc<Queue>, mut tell: impl FnMut(usize)) -> Turn {
        let mut moved = self.moved.subscribe();
        let ticket = {
            let mut tickets = self.tickets.lock().expect("no panic while held");
            tickets.next += 1;
            let ticket = tickets.next;
            tickets.held.push(ticket);
            ticket
        };
        let turn = Turn { queue: self.clone(), ticket };
        let mut told = None;
        loop {
            let place = turn.place();
            if place < AT_ONCE {
                return turn;
            }
            let before = place - AT_ONCE + 1;
            if told.replace(before) != Some(before) {
                tell(before);
            }
            // The sender lives as long as the queue, which the turn holds.
            if moved.changed().await.is_err() {
                return turn;
            }
        }
    }
}

impl Turn {
    fn place(&self) -> usize {
        let tickets = self.queue.tickets.lock().expect("no panic while held");
        tickets.held.iter().position(|&held| held == self.ticket).unwrap_or_default()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut tickets = self.queue.tickets.lock().expect("no panic while held");
        tickets.held.retain(|&held| held != self.ticket);
        drop(tickets);
        self.queue.moved.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notebooks_are_excluded_with_what_is_below() {
        let settings = LanguageModel {
            excluded_notebooks: vec![
                "Private".to_owned(),
                "/Work//Pay/".to_owned(),
                " ".to_owned(),
            ],
            ..LanguageModel::default()
        };
        for (notebook, expected) in [
            ("Private", true),
            ("private", true),
            ("Private/Diary", true),
            ("Privately", false),
            ("Work", false),
            ("Work/Pay", true),
            ("work/pay/2026", true),
            ("Other/Private", false),
            ("", false),
        ] {
            assert_eq!(settings.excludes(notebook), expected, "{notebook}");
        }
        assert_eq!(settings.narrowing(), "-in:\"Private\" -in:\"/Work//Pay/\" ");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let local = LanguageModel {
            enabled: true,
            base_url: " http://127.0.0.1:11434 ".to_owned(),
            model: "m ".to_owned(),
            excluded_notebooks: vec![" A".to_owned(), "A".to_owned(), String::new()],
            ..LanguageModel::default()
        };
        let cleaned = local.clone().cleaned().unwrap();
        assert_eq!(
            (cleaned.base_url.as_str(), cleaned.model.as_str()),
            ("http://127.0.0.1:11434", "m")
        );
        assert_eq!(cleaned.excluded_notebooks, ["A"]);
        let remote = "https://api.example.org";
        for wrong in [
            LanguageModel { base_url: String::new(), ..local.clone() },
            LanguageModel { base_url: remote.to_owned(), ..local.clone() },
            LanguageModel { model: " ".to_owned(), ..local.clone() },
            LanguageModel { temperature: Some(f32::NAN), ..local.clone() },
            LanguageModel { temperature: Some(-0.1), ..local.clone() },
            LanguageModel { context_tokens: 0, ..local.clone() },
            LanguageModel { allowed_hosts: vec!["a b".to_owned()], ..local.clone() },
        ] {
            assert!(wrong.clone().cleaned().is_err(), "{wrong:?}");
        }
        let allowed_hosts = vec!["api.example.org".to_owned()];
        assert!(
            LanguageModel { base_url: remote.to_owned(), allowed_hosts, ..local }.cleaned().is_ok()
        );
        assert!(LanguageModel::default().cleaned().is_ok());
    }
}
