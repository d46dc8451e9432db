use std::time::Duration;

use crate::{EmbedError, Embedder};

const DIMS: usize = 64;

/// A stand-in without a model: texts with the same words are near each other. The same everywhere
/// and always.
#[derive(Clone, Copy, Debug, Default)]
pub struct FakeEmbedder;

impl Embedder for FakeEmbedder {
    fn model_id(&self) -> &str {
        "fake-64"
    }

    fn dims(&self) -> usize {
        DIMS
    }

    fn max_tokens(&self) -> usize {
        256
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn languages(&self) -> Option<&[String]> {
        None
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        // A word is a direction: its hash gives the coordinates. The first coordinate is
        // always there, so that a text without words has a direction too.
        let mut vector = vec![0.0f32; DIMS];
        vector[0] = 0.1;
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for word in words.take(self.max_tokens()) {
            let mut bytes = [0; DIMS];
            let mut hasher = blake3::Hasher::new();
            hasher.update(word.to_lowercase().as_bytes()).finalize_xof().fill(&mut bytes);
            for (number, byte) in vector.iter_mut().zip(bytes) {
                *number += f32::from(byte) / 127.5 - 1.0;
            }
        }
        let norm = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|number| *number /= norm);
        Ok(vector)
    }

    fn embed_passage(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.embed_query(text)
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        texts.iter().map(|text| self.embed_query(text)).collect()
    }

    fn release_idle(&self, _idle: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_make_texts_similar() {
        let vector = |text| FakeEmbedder.embed_query(text).unwrap();
        let similarity =
            |a, b| -> f32 { vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum() };
        assert!((similarity("", "") - 1.0).abs() < 1e-5);
        assert!((similarity("The deposit", "deposit, the!") - 1.0).abs() < 1e-5);
        let (near, far) =
            (similarity("the lease deposit", "a deposit"), similarity("the lease", "blue moon"));
        assert!(near > far + 0.2, "{near} {far}");
    }
}
