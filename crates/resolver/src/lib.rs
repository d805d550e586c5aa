//! Resolver: what can be done?
//!
//! It looks for runbooks that fit the report, by words and by meaning, and makes typed proposals
//! of their actions on targets that were observed. It never runs anything and never puts text of
//! a runbook anywhere but before a person's eyes.
//!
//! Read first: [`offer`] (pure: which actions, in which order), [`parameters`], then [`stage`].

pub mod asked;
pub mod fusion;
pub mod library;
pub mod offer;
pub mod parameters;
pub mod stage;

pub use stage::Resolver;

/// Runbooks by meaning alone, best first, with their cosine similarity: for a search without a
/// store. Agents search the store, by words too.
pub fn search(books: &[model::Runbook], text: &str) -> Vec<(String, f32)> {
    let wanted = store::embedding::embed(text);
    let mut found: Vec<(String, f32)> = books
        .iter()
        .map(|book| {
            let vector = store::embedding::embed(&store::embedding::runbook_text(book));
            let dot = wanted.iter().zip(&vector).map(|(a, b)| a * b).sum();
            (book.id.clone(), dot)
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found
}
