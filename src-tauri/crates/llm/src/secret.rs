use std::fmt;

use zeroize::Zeroizing;

/// A key, bound to the host that it is for: a client sends it nowhere else. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    host: String,
    text: Zeroizing<String>,
}

impl Secret {
    /// `host` as [`crate::Client::host`] names it.
    pub fn new(host: impl Into<String>, text: impl Into<String>) -> Secret {
        Secret { host: host.into(), text: Zeroizing::new(text.into()) }
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Some(Secret::new("example.org", "sk-1"))), "Some(Secret)");
    }
}
