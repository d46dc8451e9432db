//! Figures of the local model: memory, latency, texts per second, nDCG@10 of exact search.
//! `measure MODEL_DIR`; `measure MODEL_DIR bare` for the runtime alone; `measure MODEL_DIR BEIR_DIR`.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use embed::{Embedder, LocalModel};
use ort::session::Session;
use ort::value::Tensor;

/// Tokens of a text, its two special ones included, and texts per call.
const LOADS: [(usize, usize); 4] = [(20, 96), (64, 48), (128, 24), (256, 12)];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(dir) = args.first().map(Path::new) else { return Err("which model folder?".into()) };
    match args.get(1).map(String::as_str) {
        None => ours(dir),
        Some("bare") => bare(dir),
        Some(set) => judged(dir, Path::new(set)),
    }
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let wanted = |line: &&str| ["VmRSS", "RssAnon"].iter().any(|name| line.starts_with(name));
    status.lines().filter(wanted).map(|line| line.replace('\t', " ")).collect::<Vec<_>>().join(", ")
}

/// Texts of words that are one token each.
fn texts(tokens: usize, count: usize) -> Vec<String> {
    const WORDS: [&str; 7] = ["house", "water", "garden", "river", "kitchen", "paper", "train"];
    let text = |seed: usize| -> Vec<&str> {
        (0..tokens - 2).map(|at| WORDS[(at * 5 + seed * 3 + at / 4) % 7]).collect()
    };
    (0..count).map(|seed| text(seed).join(" ")).collect()
}

fn millis(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64() * 1e3
}

fn quantiles(mut millis: Vec<f64>) -> String {
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[((millis.len() - 1) as f64 * share) as usize];
    format!("p50 {:.1} ms, p95 {:.1} ms", at(0.5), at(0.95))
}

fn ours(dir: &Path) -> Result<(), Box<dyn Error>> {
    println!("begin: {}", memory());
    let begun = Instant::now();
    let model = LocalModel::open(dir)?;
    println!("open in {:?}, {}: {}", begun.elapsed(), model.model_id(), memory());
    let query = |text: &String| millis(|| drop(model.embed_query(text)));
    for tokens in [8, 20] {
        let times = texts(tokens, 100).iter().map(query).collect();
        println!("query of {tokens} tokens: {}", quantiles(times));
    }
    let note = texts(128, 1);
    println!(
        "a lone note, batch session closed: {:.0} ms",
        millis(|| drop(model.embed(&[&note[0]])))
    );
    for (tokens, count) in LOADS {
        let texts = texts(tokens, count);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        model.embed(&texts[..4])?;
        let mut rates: Vec<f64> =
            (0..3).map(|_| count as f64 * 1e3 / millis(|| drop(model.embed(&texts)))).collect();
        rates.sort_by(f64::total_cmp);
        println!("{tokens} tokens: {:.1} texts/s: {}", rates[1], memory());
    }
    let all = texts(256, 200);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let batch = scope.spawn(|| model.embed(&all[..60]));
        while !batch.is_finished() {
            times.push(query(&"where is the deposit".to_owned()));
        }
    });
    println!("query during a batch: {}", quantiles(times));
    println!("both sessions: {}", memory());
    model.release_idle(Duration::ZERO);
    println!("batch session released: {}", memory());
    let long = "The tenant pays the deposit within ten days. ".repeat(20);
    println!(
        "counting {} tokens: {:.2} ms",
        model.count_tokens(&long),
        millis(|| {
            std::hint::black_box(model.count_tokens(&long));
        })
    );
    Ok(())
}

/// The same model, threads and token counts on the runtime alone.
fn bare(dir: &Path) -> Result<(), Box<dyn Error>> {
    let library = fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("onnxruntime"))
        .ok_or("no runtime library")?;
    let environment = ort::init_from(library)?.build()?;
    let mut session = Session::builder(&environment)?
        .with_intra_threads(1)
        .map_err(|error| error.to_string())?
        .commit_from_file(dir.join("model.onnx"))?;
    for (tokens, count) in LOADS {
        let mut best = (0.0, 0);
        for batch in [1, 2, 4, 8, 12] {
            let mut run = || -> Result<(), ort::Error> {
                let shape = [batch, tokens];
                let values = |value: i64| vec![value; batch * tokens];
                let outputs = session.run(ort::inputs![
                    "input_ids" => Tensor::from_array((shape, values(2160)))?,
                    "attention_mask" => Tensor::from_array((shape, values(1)))?,
                    "token_type_ids" => Tensor::from_array((shape, values(0)))?,
                ])?;
                drop(outputs);
                Ok(())
            };
            run()?;
            let mut rates = Vec::new();
            for _ in 0..3 {
                let begun = Instant::now();
                for _ in 0..count.div_ceil(batch) {
                    run()?;
                }
                let texts = count.div_ceil(batch) * batch;
                rates.push(texts as f64 / begun.elapsed().as_secs_f64());
            }
            rates.sort_by(f64::total_cmp);
            if rates[1] > best.0 {
                best = (rates[1], batch);
            }
        }
        println!("{tokens} tokens: {:.1} texts/s at its best batch of {}", best.0, best.1);
    }
    println!("{}", memory());
    Ok(())
}

fn judged(dir: &Path, set: &Path) -> Result<(), Box<dyn Error>> {
    let model = LocalModel::open(dir)?;
    let read = |name: &str| -> Result<Vec<(String, String)>, Box<dyn Error>> {
        let mut texts = Vec::new();
        for line in fs::read_to_string(set.join(name))?.lines() {
            let entry: serde_json::Value = serde_json::from_str(line)?;
            let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let text = format!("{} {}", field("title"), field("text")).trim().to_owned();
            texts.push((field("_id"), text));
        }
        Ok(texts)
    };
    let (documents, queries) = (read("corpus.jsonl")?, read("queries.jsonl")?);
    let mut judgements: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in fs::read_to_string(set.join("qrels/test.tsv"))?.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [query, document, grade] = fields[..] {
            let judged = judgements.entry(query.to_owned()).or_default();
            judged.insert(document.to_owned(), grade.parse()?);
        }
    }
    let texts: Vec<&str> = documents.iter().map(|(_, text)| text.as_str()).collect();
    let begun = Instant::now();
    let vectors = model.embed(&texts)?;
    println!("{} documents in {:?}", texts.len(), begun.elapsed());
    let mut total = 0.0;
    let mut asked = 0;
    for (id, text) in &queries {
        let Some(judged) = judgements.get(id) else { continue };
        let query = model.embed_query(text)?;
        let similarity =
            |vector: &Vec<f32>| -> f32 { vector.iter().zip(&query).map(|(x, y)| x * y).sum() };
        let mut ranked: Vec<(f32, &str)> = vectors
            .iter()
            .map(similarity)
            .zip(documents.iter().map(|(id, _)| id.as_str()))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let gain: f64 = (0..10.min(ranked.len()))
            .map(|rank| judged.get(ranked[rank].1).copied().unwrap_or(0.0) * discount(rank))
            .sum();
        let mut grades: Vec<f64> = judged.values().copied().filter(|&grade| grade > 0.0).collect();
        grades.sort_by(|a, b| b.total_cmp(a));
        let ideal: f64 = (0..10.min(grades.len())).map(|rank| grades[rank] * discount(rank)).sum();
        if ideal > 0.0 {
            total += gain / ideal;
            asked += 1;
        }
    }
    println!("nDCG@10 {:.4} over {asked} queries", total / f64::from(asked));
    Ok(())
}
