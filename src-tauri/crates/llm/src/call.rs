//! One HTTP request. It runs on a thread of its own and is cut off from the caller's, because a blocked read
//! cannot look at a flag, and looking up a name or connecting cannot be interrupted at all.

use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http;
use ureq::tls::{RootCerts, TlsConfig};

use crate::endpoint::Address;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How often a call looks whether it is cancelled or over time.
pub const TICK: Duration = Duration::from_millis(20);

/// Pieces that may wait for the caller, so that a fast server is held back by its connection.
const PIECES: usize = 16;
const PIECE: usize = 16 << 10;
const MAX_HEADERS: usize = 64 << 10;

pub(crate) struct Request<'a> {
    pub(crate) address: &'a Address,
    pub(crate) url: String,
    /// None: a GET.
    pub(crate) body: Option<String>,
    pub(crate) key: Option<&'a Secret>,
    /// For looking the name up, and for connecting.
    pub(crate) connect: Duration,
}

/// The first that comes.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
}

enum Event {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Failed(Failure),
}

/// Why a connection gave nothing (more).
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody listens: worth another try.
    Refused,
    /// It never came about.
    Unreachable(String),
    /// It ended early.
    BrokenOff,
    Garbled(String),
}

/// A call under way; dropping it cuts its connection.
pub(crate) struct Call {
    events: Receiver<Event>,
    agent: Option<ureq::Agent>,
}

pub(crate) enum Next {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Failed(Failure),
    /// The deadline has passed.
    Late,
}

impl Call {
    pub(crate) fn start(request: Request<'_>) -> Result<Call> {
        let url = http::Uri::try_from(&request.url)
            .map_err(|error| Error::Address(format!("{} ({error})", request.url)))?;
        let mut head = http::Request::builder().uri(url);
        if let Some(key) = request.key {
            if key.host() != request.address.host {
                return Err(Error::ForeignKey {
                    of: key.host().to_owned(),
                    host: request.address.host.clone(),
                });
            }
            let mut value = http::HeaderValue::try_from(format!("Bearer {}", key.expose()))
                .map_err(|_| Error::MalformedKey)?;
            value.set_sensitive(true);
            head = head.header(http::header::AUTHORIZATION, value);
        }
        let agent = agent(request.address, request.connect);
        let (sender, events) = sync_channel(PIECES);
        let runner = agent.clone();
        let body = request.body;
        thread::Builder::new()
            .name("language-model".to_owned())
            .spawn(move || {
                let run = AssertUnwindSafe(|| run(&runner, head, body, &sender));
                let last = match std::panic::catch_unwind(run) {
                    Ok(Ok(())) => Event::End,
                    Ok(Err(Some(failure))) => Event::Failed(failure),
                    Ok(Err(None)) => return,
                    Err(_) => Event::Failed(Failure::Garbled("its reader failed".to_owned())),
                };
                // Who has gone away wants no end either.
                drop(sender.send(last));
            })
            .map_err(|error| Error::Thread(error.to_string()))?;
        Ok(Call { events, agent: Some(agent) })
    }

    /// What comes next. Errors are [`Error::Cancelled`] alone.
    pub(crate) fn next(&self, cancelled: &dyn Fn() -> bool, deadline: Instant) -> Result<Next> {
        loop {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left.min(TICK)) {
                Ok(Event::Head(head)) => return Ok(Next::Head(head)),
                Ok(Event::Piece(piece)) => return Ok(Next::Piece(piece)),
                Ok(Event::End) => return Ok(Next::End),
                Ok(Event::Failed(failure)) => return Ok(Next::Failed(failure)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Next::Failed(Failure::BrokenOff));
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(Next::Late),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.shutdown();
        }
    }
}

/// No redirect is followed, no proxy asked, no cookie kept, nothing unpacked, no connection used twice.
fn agent(address: &Address, connect: Duration) -> ureq::Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .https_only(address.is_encrypted())
        .proxy(None)
        .tls_config(tls)
        .user_agent("Commonplace")
        .max_response_header_size(MAX_HEADERS)
        .max_idle_connections(0)
        .max_idle_connections_per_host(0)
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .build()
        .new_agent()
}

/// Sends the request and tells all that comes; an error without a failure means that nobody listens.
fn run(
    agent: &ureq::Agent,
    head: http::request::Builder,
    body: Option<String>,
    sender: &SyncSender<Event>,
) -> std::result::Result<(), Option<Failure>> {
    let malformed = |error: http::Error| Some(Failure::Unreachable(error.to_string()));
    let response = match body {
        None => agent.run(head.method("GET").body(()).map_err(malformed)?),
        Some(body) => {
            let head = head.method("POST").header(http::header::CONTENT_TYPE, "application/json");
            agent.run(head.body(body).map_err(malformed)?)
        }
    };
    let response = response.map_err(|error| Some(before_the_head(error)))?;
    let header = |name: http::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let told = Head {
        status: response.status().as_u16(),
        content_type: header(http::header::CONTENT_TYPE)
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
        // As a date it is rare, and no better than the usual wait.
        retry_after: header(http::header::RETRY_AFTER).trim().parse().ok().map(Duration::from_secs),
    };
    sender.send(Event::Head(told)).map_err(|_| None)?;
    let mut reader = response.into_body().into_reader();
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                sender.send(Event::Piece(piece[..read].to_vec())).map_err(|_| None)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Some(Failure::BrokenOff)),
        }
    }
}

fn before_the_head(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Failure::Refused,
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe => Failure::BrokenOff,
            _ => Failure::Unreachable(error.to_string()),
        },
        ureq::Error::ConnectionFailed => Failure::Refused,
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => Failure::Garbled(error.to_string()),
        ureq::Error::HostNotFound => Failure::Unreachable("there is no such host".to_owned()),
        ureq::Error::Timeout(_) => Failure::Unreachable("no connection in time".to_owned()),
        error => Failure::Unreachable(error.to_string()),
    }
}
