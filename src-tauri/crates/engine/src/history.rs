//! What was searched for, so that it can be asked again: the latest queries, kept in the store's settings
//! unless the person wants none kept.

use std::str::FromStr;

use note::Timestamp;
use serde::{Deserialize, Serialize};
use store::Lane;

use crate::engine::Engine;
use crate::error::Result;
use crate::search::Mode;

const SETTING: &str = "search_history";
/// Queries that are remembered.
const KEPT: usize = 100;
/// A longer text was pasted rather than asked.
const LONGEST: usize = 500;

/// A query that was asked before.
#[derive(Clone, Debug, PartialEq)]
pub struct PastQuery {
    pub text: String,
    pub mode: Mode,
    pub asked: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Held {
    text: String,
    mode: String,
    asked: i64,
}

#[derive(Serialize, Deserialize)]
struct History {
    kept: bool,
    queries: Vec<Held>,
}

impl Default for History {
    fn default() -> Self {
        History { kept: true, queries: Vec::new() }
    }
}

impl Engine {
    /// Remembers a query, as the latest; the same asked before moves up. Does nothing if none are to be kept.
    pub async fn remember_query(&self, text: String, mode: Mode) -> Result<()> {
        let text = text.trim().to_owned();
        if text.is_empty() || text.len() > LONGEST {
            return Ok(());
        }
        let asked = self.inner.clock().now.0;
        self.change_history(move |history| {
            if history.kept {
                let mode = mode.as_str();
                history.queries.retain(|held| held.text != text || held.mode != mode);
                history.queries.insert(0, Held { text, mode: mode.to_owned(), asked });
                history.queries.truncate(KEPT);
            }
        })
        .await
    }

    /// The remembered queries, the latest first.
    pub async fn past_queries(&self) -> Result<Vec<PastQuery>> {
        let held = self.setting(SETTING).await?;
        let queries = read(held.as_deref()).queries.into_iter();
        let known = queries.filter_map(|held| {
            let mode = Mode::from_str(&held.mode).ok()?;
            Some(PastQuery { text: held.text, mode, asked: Timestamp(held.asked) })
        });
        Ok(known.collect())
    }

    /// Forgets one query.
    pub async fn forget_query(&self, text: String, mode: Mode) -> Result<()> {
        self.change_history(move |history| {
            history.queries.retain(|held| held.text != text || held.mode != mode.as_str());
        })
        .await
    }

    /// Forgets all queries.
    pub async fn forget_queries(&self) -> Result<()> {
        self.change_history(|history| history.queries.clear()).await
    }

    /// Whether queries are remembered from now on; what was remembered is forgotten if not.
    pub async fn keep_queries(&self, kept: bool) -> Result<()> {
        self.change_history(move |history| {
            history.kept = kept;
            if !kept {
                history.queries.clear();
            }
        })
        .await
    }

    /// Reads and writes in one transaction: two windows may search at the same time.
    async fn change_history(
        &self,
        change: impl FnOnce(&mut History) + Send + 'static,
    ) -> Result<()> {
        self.write(Lane::Interactive, move |write| {
            let held = write.setting(SETTING)?;
            let mut history = read(held.as_deref());
            change(&mut history);
            let json = serde_json::to_string(&history).expect("text and numbers are JSON");
            if held.as_deref() == Some(json.as_str()) {
                return Ok(());
            }
            write.put_setting(SETTING, &json)
        })
        .await
    }
}

/// What cannot be read counts as nothing remembered.
fn read(json: Option<&str>) -> History {
    let Some(json) = json else { return History::default() };
    serde_json::from_str(json)
        .inspect_err(|error| tracing::error!(%error, "the search history is unreadable"))
        .unwrap_or_default()
}
