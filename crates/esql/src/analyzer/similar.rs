//! "did you mean": names near to one that isn't there.

/// Names that share fewer of their letters aren't similar.
const LEAST_SIMILARITY: f64 = 0.5;

/// The candidates that are at least half equal to `name`, nearest first, else in their order.
pub fn similar<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = candidates
        .map(|candidate| (strsim::normalized_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// `, did you mean [a]?`, `, did you mean any of [a, b]?` or nothing.
pub fn hint(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        [one] => format!(", did you mean [{one}]?"),
        several => format!(", did you mean any of [{}]?", several.join(", ")),
    }
}
