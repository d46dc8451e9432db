//! Where keys are kept: in the system's keyring, or for as long as the program runs. Never in a file of ours.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Under which name the keyring shows them.
const SERVICE: &str = "Commonplace language model";
/// A locked keyring asks the person for its password meanwhile; one that is broken answers never.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Keyring,
    /// There is no keyring: gone when the program ends.
    Session,
}

/// The keys of all hosts.
pub struct Keys {
    has_keyring: bool,
    session: Mutex<HashMap<String, Zeroizing<String>>>,
}

impl Keys {
    /// In the system's keyring, if there is one.
    pub fn system() -> Keys {
        Keys { has_keyring: true, session: Mutex::default() }
    }

    /// In memory alone.
    pub fn session() -> Keys {
        Keys { has_keyring: false, session: Mutex::default() }
    }

    /// Keeps a key for a host in place of the one before. May wait for the person to unlock the keyring.
    ///
    /// # Errors
    /// [`Error::MalformedKey`] for what no header can carry; nothing is kept then.
    pub fn set(&self, host: &str, text: &str) -> Result<Kept> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::MalformedKey);
        }
        let (name, key) = (host.to_owned(), Zeroizing::new(text.to_owned()));
        let stored = self.ask(move || entry(&name)?.set_password(&key));
        let mut session = self.session.lock().expect("no panic while held");
        match stored {
            Ok(()) => {
                session.remove(host);
                Ok(Kept::Keyring)
            }
            Err(error) => {
                tracing::info!(%error, "the key is kept for this session alone");
                session.insert(host.to_owned(), Zeroizing::new(text.to_owned()));
                Ok(Kept::Session)
            }
        }
    }

    /// The key of a host, and where it is.
    pub fn get(&self, host: &str) -> Option<(Secret, Kept)> {
        let session = self.session.lock().expect("no panic while held").get(host).cloned();
        if let Some(text) = session {
            return Some((Secret::new(host, text.as_str()), Kept::Session));
        }
        let name = host.to_owned();
        match self.ask(move || entry(&name)?.get_password().map(Zeroizing::new)) {
            Ok(text) => Some((Secret::new(host, text.as_str()), Kept::Keyring)),
            Err(error) => {
                tracing::debug!(%error, "there is no key in the keyring");
                None
            }
        }
    }

    /// Whether the key of a host is in memory. Opens no keyring.
    pub fn is_in_session(&self, host: &str) -> bool {
        self.session.lock().expect("no panic while held").contains_key(host)
    }

    /// Forgets the key of a host that is in memory. Opens no keyring.
    pub fn forget(&self, host: &str) {
        self.session.lock().expect("no panic while held").remove(host);
    }

    /// Forgets the key of a host, wherever it is.
    ///
    /// # Errors
    /// [`Error::Keyring`] if one may still be there.
    pub fn remove(&self, host: &str) -> Result<()> {
        self.forget(host);
        let name = host.to_owned();
        self.ask(move || match entry(&name)?.delete_credential() {
            Err(keyring::Error::NoEntry) => Ok(()),
            other => other,
        })
        .or_else(|error| match error {
            Denied::NoKeyring => Ok(()),
            Denied::Failed(reason) => Err(Error::Keyring(reason)),
        })
    }

    /// Asks the keyring from a thread of its own: it may never answer.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> keyring::Result<T> + Send + 'static,
    ) -> std::result::Result<T, Denied> {
        if !self.has_keyring {
            return Err(Denied::NoKeyring);
        }
        let (sender, answer) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || drop(sender.send(question())))
            .map_err(|error| Denied::Failed(error.to_string()))?;
        match answer.recv_timeout(PATIENCE) {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(keyring::Error::NoDefaultStore)) => Err(Denied::NoKeyring),
            Ok(Err(error)) => Err(Denied::Failed(error.to_string())),
            Err(_) => Err(Denied::Failed("it does not answer".to_owned())),
        }
    }
}

fn entry(host: &str) -> keyring::Result<keyring::Entry> {
    keyring::Entry::new(SERVICE, host)
}

#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error("there is no keyring")]
    NoKeyring,
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_keyring_a_key_lives_as_long_as_the_session() {
        let keys = Keys::session();
        assert_eq!(keys.get("example.org"), None);
        assert_eq!(keys.set("example.org", " sk-1\n"), Ok(Kept::Session));
        let (secret, kept) = keys.get("example.org").unwrap();
        assert_eq!((secret.host(), secret.expose(), kept), ("example.org", "sk-1", Kept::Session));
        assert_eq!(keys.get("example.org:8080"), None);
        assert_eq!(keys.set("example.org", "sk-2"), Ok(Kept::Session));
        assert_eq!(keys.get("example.org").unwrap().0.expose(), "sk-2");
        assert_eq!(keys.remove("example.org"), Ok(()));
        assert_eq!(keys.remove("example.org"), Ok(()));
        assert_eq!(keys.get("example.org"), None);
    }

    #[test]
    fn what_no_header_can_carry_is_no_key() {
        let keys = Keys::session();
        for text in ["", "  ", "a b", "a\r\nx-other: 1", "schlüssel", "a\0"] {
            assert_eq!(keys.set("example.org", text), Err(Error::MalformedKey), "{text:?}");
        }
    }
}
