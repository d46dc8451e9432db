//! Models that fastembed knows and that are used here from a folder: what their makers say of them.

use fastembed::{EmbeddingModel, TextEmbedding};

/// A model that can be downloaded; nothing here does it.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogueModel {
    /// `owner/name` on Hugging Face.
    pub repository: String,
    /// Length of its vectors.
    pub dims: usize,
    /// The ONNX file, with what belongs to it, as the repository names them.
    pub files: Vec<String>,
    pub languages: &'static str,
    pub licence: &'static str,
    /// About how large the ONNX file is.
    pub megabytes: u32,
}

impl CatalogueModel {
    /// The page where it is downloaded.
    pub fn page(&self) -> String {
        format!("https://huggingface.co/{}/tree/main", self.repository)
    }
}

const ENGLISH: &str = "English";
const MANY: &str = "many languages";
const CHINESE: &str = "Chinese";
const APACHE: &str = "Apache-2.0";
const MIT: &str = "MIT";

/// Part of a name, millions of parameters, languages and licence, from the models' cards; the first that
/// fits counts.
const CARDS: [(&str, u32, &str, &str); 27] = [
    ("paraphrase-multilingual-minilm", 118, MANY, APACHE),
    ("paraphrase-multilingual-mpnet", 278, MANY, APACHE),
    ("multilingual-e5-small", 118, MANY, MIT),
    ("multilingual-e5-base", 278, MANY, MIT),
    ("multilingual-e5-large", 560, MANY, MIT),
    ("bge-m3", 568, MANY, MIT),
    ("embeddinggemma-300m", 303, MANY, "Gemma terms of use"),
    ("all-minilm-l6", 23, ENGLISH, APACHE),
    ("all-minilm-l12", 33, ENGLISH, APACHE),
    ("all-mpnet-base", 109, ENGLISH, APACHE),
    ("bge-small-en", 33, ENGLISH, MIT),
    ("bge-base-en", 109, ENGLISH, MIT),
    ("bge-large-en", 335, ENGLISH, MIT),
    ("bge-small-zh", 24, CHINESE, MIT),
    ("bge-large-zh", 326, CHINESE, MIT),
    ("nomic-embed-text", 137, ENGLISH, APACHE),
    ("modernbert-embed-large", 395, ENGLISH, APACHE),
    ("mxbai-embed-large", 335, ENGLISH, APACHE),
    ("gte-base-en", 137, ENGLISH, APACHE),
    ("gte-large-en", 434, ENGLISH, APACHE),
    ("jina-embeddings-v2-base-en", 137, ENGLISH, APACHE),
    ("jina-embeddings-v2-base-code", 161, "English and program code", APACHE),
    ("arctic-embed-xs", 23, ENGLISH, APACHE),
    ("arctic-embed-s", 33, ENGLISH, APACHE),
    ("arctic-embed-m-long", 137, ENGLISH, APACHE),
    ("arctic-embed-m", 109, ENGLISH, APACHE),
    ("arctic-embed-l", 335, ENGLISH, APACHE),
];

/// The models of fastembed's list whose cards are known here, those for many languages first.
pub fn catalogue() -> Vec<CatalogueModel> {
    let mut models: Vec<CatalogueModel> = TextEmbedding::list_supported_models()
        .into_iter()
        .filter(|info| !matches!(info.model, EmbeddingModel::ClipVitB32))
        .filter_map(|info| {
            let name = info.model_code.to_lowercase();
            let (_, millions, languages, licence) =
                CARDS.into_iter().find(|(part, ..)| name.contains(part))?;
            // Four bytes a number, one where they are quantised, half a one in four bits.
            let tenths = if info.model_file.contains("_q4") {
                6
            } else if info.model_file.contains("quantized") || name.ends_with("-q") {
                10
            } else {
                40
            };
            let files = [info.model_file].into_iter().chain(info.additional_files).collect();
            let megabytes = millions * tenths / 10;
            Some(CatalogueModel {
                repository: info.model_code,
                dims: info.dim,
                files,
                languages,
                licence,
                megabytes,
            })
        })
        .collect();
    models.sort_by_key(|model| (model.languages != MANY, model.megabytes));
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_is_of_a_model_in_the_list() {
        let models = catalogue();
        for (part, ..) in CARDS {
            let known = models.iter().any(|model| model.repository.to_lowercase().contains(part));
            assert!(known, "{part}");
        }
        assert_eq!(models[0].languages, MANY);
        for model in models {
            assert!(model.files[0].ends_with(".onnx") && model.dims > 0, "{model:?}");
        }
    }
}
