//! Where a model is, and whether it may be spoken to.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::error::{Error, Result};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST …/v1/chat/completions`, which nearly every server knows.
    #[default]
    OpenAi,
    /// `POST …/api/chat`: the only way to tell Ollama how long the context is.
    Ollama,
}

/// A model on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `http://127.0.0.1:11434`, with or without `/v1`.
    pub base_url: String,
    pub api: Api,
    pub model: String,
    /// As the server has it, if none.
    pub temperature: Option<f32>,
    /// Tokens of question and answer together; told to Ollama, known to the others.
    pub context_tokens: u32,
}

/// An address that was looked at: whole, without a user's name, and with a host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    url: Url,
    /// The host, and the port if it is not the scheme's own.
    pub(crate) host: String,
    pub(crate) is_local: bool,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Address> {
        let text = text.trim();
        let wrong = |why: &str| Error::Address(format!("{text} ({why})"));
        if text.is_empty() {
            return Err(Error::Address("it is empty".to_owned()));
        }
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wrong("it begins with neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Address(
                "a name or password in it is not used: give a key".to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it holds a ? or #"));
        }
        let is_local = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => return Err(wrong("it names no host")),
        };
        let host = host_of(&url);
        Ok(Address { url, host, is_local })
    }

    /// Refuses a host beyond this machine that is not in the list, and one that would be spoken to in the
    /// clear without leave.
    pub(crate) fn check(&self, allowed: &[String]) -> Result<()> {
        if self.is_local {
            return Ok(());
        }
        let mut is_known = false;
        for entry in allowed.iter().filter_map(|entry| Allowed::parse(entry).ok()) {
            let bare = self.url.host_str().unwrap_or_default();
            if entry.host == self.host || entry.host == bare {
                is_known = true;
                if self.url.scheme() == "https" || entry.in_the_clear {
                    return Ok(());
                }
            }
        }
        let host = self.host.clone();
        Err(if is_known { Error::PlainHttp { host } } else { Error::HostNotAllowed { host } })
    }

    /// `path` below the base. `/v1` is put between where the base does not name a version itself.
    pub(crate) fn v1(&self, path: &str) -> String {
        let is_version = |part: &str| {
            part.strip_prefix('v')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let named = self.url.path().split('/').any(is_version);
        self.below(if named { "" } else { "/v1" }, path)
    }

    /// `path` at the server's own root: beside `/v1`, where the base ends with it.
    pub(crate) fn native(&self, path: &str) -> String {
        let base = self.url.as_str().trim_end_matches('/');
        format!("{}{path}", base.strip_suffix("/v1").unwrap_or(base).trim_end_matches('/'))
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    fn below(&self, between: &str, path: &str) -> String {
        format!("{}{between}{path}", self.url.as_str().trim_end_matches('/'))
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A host that notes may be sent to: `api.example.org`, `nas.local:8080`, or `http://nas.local:8080` where
/// the way there need not be encrypted.
#[derive(Debug, PartialEq)]
struct Allowed {
    host: String,
    in_the_clear: bool,
}

impl Allowed {
    fn parse(entry: &str) -> Result<Allowed> {
        let entry = entry.trim();
        let in_the_clear = entry.starts_with("http://");
        let whole =
            if entry.contains("://") { entry.to_owned() } else { format!("https://{entry}") };
        let address = Address::parse(&whole)?;
        if !matches!(address.url.path(), "" | "/") {
            return Err(Error::Address(format!("{entry} (a host has no path)")));
        }
        Ok(Allowed { host: address.host, in_the_clear })
    }
}

/// Tells what is wrong with an entry of the list of allowed hosts.
pub fn check_allowed_host(entry: &str) -> Result<()> {
    Allowed::parse(entry).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_paths() {
        let check = |base: &str, v1: &str, native: &str| {
            let address = Address::parse(base).unwrap();
            assert_eq!(address.v1("/models"), v1);
            assert_eq!(address.native("/api/tags"), native);
        };
        let (v1, native) = ("http://127.0.0.1:11434/v1/models", "http://127.0.0.1:11434/api/tags");
        check("http://127.0.0.1:11434", v1, native);
        check(" http://127.0.0.1:11434/ ", v1, native);
        check("http://127.0.0.1:11434/v1", v1, native);
        check("http://127.0.0.1:11434/v1/", v1, native);
        check("http:127.0.0.1:11434", v1, native);
        check(
            "https://example.org/api/v1",
            "https://example.org/api/v1/models",
            "https://example.org/api/api/tags",
        );
        check(
            "https://example.org/v1beta/openai/",
            "https://example.org/v1beta/openai/models",
            "https://example.org/v1beta/openai/api/tags",
        );
        check(
            "https://example.org/llm",
            "https://example.org/llm/v1/models",
            "https://example.org/llm/api/tags",
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "localhost",
            "localhost:8080",
            "ftp://example.org",
            "file:///etc/passwd",
            "http://",
            "https://user:password@example.org",
            "https://user@example.org",
            "https://example.org/?a=b",
            "https://example.org/#a",
            "javascript:alert(1)",
        ] {
            let refused = Address::parse(text);
            assert!(matches!(refused, Err(Error::Address(_))), "{text}: {refused:?}");
        }
        let told = Address::parse("https://user:pass-phrase@example.org").unwrap_err();
        assert!(!told.to_string().contains("pass-phrase"));
    }

    #[test]
    fn only_this_machine_is_free_of_leave() {
        let check = |base: &str, allowed: &[&str], expected: &str| {
            let allowed: Vec<String> = allowed.iter().map(|&host| host.to_owned()).collect();
            let found = match Address::parse(base).unwrap().check(&allowed) {
                Ok(()) => "yes",
                Err(Error::HostNotAllowed { .. }) => "no",
                Err(Error::PlainHttp { .. }) => "clear",
                Err(error) => panic!("{error}"),
            };
            assert_eq!(found, expected, "{base} {allowed:?}");
        };
        for local in [
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:8080",
            "http://localhost:80",
            "http://LOCALHOST",
            // What a browser makes of them, too.
            "http://2130706433",
            "http://0x7f.1",
            "http://[::ffff:127.0.0.1]",
        ] {
            check(local, &[], "yes");
        }
        for remote in [
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0:11434",
            "http://192.168.1.2",
            "http://[fe80::1]",
            "https://api.example.org",
        ] {
            check(remote, &[], "no");
        }
        let here = "https://api.example.org/v1";
        check(here, &["api.example.org"], "yes");
        check(here, &["API.example.org "], "yes");
        check(here, &["https://api.example.org"], "yes");
        check(here, &["https://api.example.org/"], "yes");
        check(here, &["example.org", "", "api.example.org/v1"], "no");
        check("https://xapi.example.org", &["api.example.org"], "no");
        check("https://api.example.org:8443", &["api.example.org"], "yes");
        check("https://api.example.org", &["api.example.org:8443"], "no");
        check("http://api.example.org", &["api.example.org"], "clear");
        check("http://nas.local:8080", &["nas.local", "http://nas.local:8080"], "yes");
        check("http://nas.local:8080", &["http://nas.local:9090"], "no");
        check("https://bücher.example", &["xn--bcher-kva.example"], "yes");
    }
}
