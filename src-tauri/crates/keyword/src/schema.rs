//! The tantivy schema: four text fields filled from [`Lines`], and columns for sorting and ranges.

use tantivy::schema::{
    FAST, Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{IndexSettings, TantivyDocument};

use crate::document::{Lines, Pool};

/// Counts up whenever analysis or schema change: an index of another generation is rebuilt.
pub const GENERATION: u32 = 2;

const LINES: &str = "lines";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pools: [Field; 4],
    id: Field,
    created: Field,
    updated: Field,
    length: Field,
    sort_title: Field,
}

impl Fields {
    pub(crate) fn pool(&self, pool: Pool) -> Field {
        self.pools[pool as usize]
    }

    pub(crate) fn document(&self, lines: Lines) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_i64(self.id, lines.id.0);
        document.add_i64(self.created, lines.created.0);
        document.add_i64(self.updated, lines.updated.0);
        document.add_u64(self.length, u64::from(lines.length));
        document.add_text(self.sort_title, &lines.sort_title);
        for (field, pool) in self.pools.iter().zip(lines.into_pools()) {
            if !pool.is_empty() {
                document.add_text(*field, pool);
            }
        }
        document
    }
}

pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::default();
    let mut pool = |name: &str, option: IndexRecordOption| {
        // Lengths without stop words stand in a column of their own, so norms are not needed.
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(LINES)
            .set_index_option(option)
            .set_fieldnorms(false);
        builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
    };
    let pools = [
        pool("text", IndexRecordOption::WithFreqsAndPositions),
        pool("title", IndexRecordOption::WithFreqsAndPositions),
        pool("stem", IndexRecordOption::WithFreqs),
        pool("filter", IndexRecordOption::Basic),
    ];
    let fields = Fields {
        pools,
        id: builder.add_i64_field("id", FAST),
        created: builder.add_i64_field("created", FAST),
        updated: builder.add_i64_field("updated", FAST),
        length: builder.add_u64_field("length", FAST),
        sort_title: builder.add_text_field("sort_title", FAST),
    };
    (builder.build(), fields)
}

pub(crate) fn tokenizers() -> TokenizerManager {
    // With the tokenizers of tantivy: it asks for its default one even for columns.
    let manager = TokenizerManager::default();
    manager.register(LINES, TextAnalyzer::builder(LineTokenizer::default()).build());
    manager
}

pub(crate) fn settings() -> IndexSettings {
    IndexSettings::default()
}

/// One token for each line.
#[derive(Clone, Default)]
struct LineTokenizer {
    token: Token,
}

struct LineStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for LineTokenizer {
    type TokenStream<'a> = LineStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> LineStream<'a> {
        self.token.reset();
        LineStream { rest: text, token: &mut self.token }
    }
}

impl TokenStream for LineStream<'_> {
    fn advance(&mut self) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(line);
        // A fresh token stands at the highest position, one before the first.
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
