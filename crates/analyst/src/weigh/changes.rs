//! Changes, judged by what differs after them: where the trouble is, when it began and what its
//! errors say. Being recent alone blames nobody.

use std::collections::{BTreeMap, BTreeSet};

use model::tuning::ChangeWeights;

use super::behaviour::{Behaviour, behaviour, is_comment};
use super::words::{is_error, is_warning, template, words};
use crate::observations::{Change, Observations};

/// A rollout this long after the estimated onset may still have come before it, in microseconds.
const SLACK_US: i64 = 90_000_000;
/// Words of a clause that says what a change does not do.
const DENIALS: [&str; 6] = ["no", "not", "never", "without", "only", "unchanged"];
/// Endings of files that no service runs: style, prose, pictures, tests.
const INERT_ENDINGS: [&str; 12] = [
    ".md", ".css", ".scss", ".html", ".svg", ".png", ".txt", ".tsx", ".jsx", "_test.go",
    ".test.ts", "_test.py",
];

/// How guilty a change looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Guilt {
    pub id: String,
    pub kind: String,
    /// The service that it was rolled out to and that is in trouble most.
    pub service: Option<String>,
    pub at_us: i64,
    pub description: String,
    /// 0 to 1: how much the trouble is in a service that it changed.
    pub place: f64,
    /// 0 to 1.
    pub recent: f64,
    /// 0 to 1: words shared with what the failure says.
    pub overlap: f64,
    /// The rarest of these words.
    pub shared: Vec<String>,
    /// What its diff does, where one is known.
    pub behaviour: Option<Behaviour>,
    pub score: f64,
}

/// `trouble`: each service's suspicion, 0 to 1. Best first; only changes that came before.
pub fn guilt(
    o: &Observations,
    onset_us: i64,
    trouble: &BTreeMap<String, f64>,
    weights: &ChangeWeights,
) -> Vec<Guilt> {
    if o.changes.is_empty() {
        return Vec::new();
    }
    let mut by_id: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in &o.changes {
        by_id.entry(&change.id).or_default().push(change);
    }
    let texts: BTreeMap<&str, BTreeSet<String>> = by_id
        .iter()
        .map(|(id, documents)| (*id, text(documents)))
        .collect();
    let mut seen_in: BTreeMap<&str, f64> = BTreeMap::new();
    for words in texts.values() {
        for word in words {
            *seen_in.entry(word).or_default() += 1.0;
        }
    }
    let said = symptoms(o, onset_us, weights.said_in_health);
    let all = texts.len() as f64;
    let rarity = |word: &str| (all / seen_in.get(word).copied().unwrap_or(1.0)).ln_1p();
    let circumstances = Circumstances {
        onset_us,
        trouble,
        said: &said,
        rarity: &rarity,
        weights,
    };
    let mut guilts: Vec<Guilt> = by_id
        .iter()
        .filter_map(|(id, documents)| judge(id, documents, &texts[id], &circumstances))
        .collect();
    guilts.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    guilts
}

/// What every change is held against.
struct Circumstances<'a> {
    onset_us: i64,
    trouble: &'a BTreeMap<String, f64>,
    said: &'a BTreeMap<String, f64>,
    rarity: &'a dyn Fn(&str) -> f64,
    weights: &'a ChangeWeights,
}

fn judge(
    id: &str,
    documents: &[&Change],
    words: &BTreeSet<String>,
    held: &Circumstances<'_>,
) -> Option<Guilt> {
    let Circumstances {
        onset_us,
        trouble,
        said,
        rarity,
        weights,
    } = *held;
    let rolled_out = documents.iter().filter(|change| change.service.is_some());
    let worst = rolled_out.max_by(|a, b| {
        let of = |change: &Change| {
            let service = change.service.as_deref().unwrap_or_default();
            trouble.get(service).copied().unwrap_or(0.0)
        };
        of(a).total_cmp(&of(b)).then(b.at_us.cmp(&a.at_us))
    });
    let first = worst.or_else(|| documents.iter().min_by_key(|change| change.at_us))?;
    if first.at_us > onset_us + SLACK_US {
        return None;
    }
    let place = match &first.service {
        Some(service) => trouble.get(service).copied().unwrap_or(0.0),
        None => carried(documents, trouble)
            .map_or(weights.not_rolled_out, |most| most * weights.carried),
    };
    let age = (onset_us - first.at_us).max(0) as f64;
    let recent = 0.5f64.powf(age / (weights.half_life_min * 60e6));
    let mut shared: Vec<(f64, &String)> = words
        .iter()
        .filter_map(|word| said.get(word).map(|weight| (weight * rarity(word), word)))
        .collect();
    shared.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let raw: f64 = shared.iter().map(|pair| pair.0).sum();
    let overlap = raw / (raw + weights.half_overlap);
    let inert = if is_inert(documents) {
        weights.inert
    } else {
        1.0
    };
    let behaviour = felt(documents);
    let felt = behaviour.map_or(1.0, |felt| {
        weights.harmless + (weights.felt - weights.harmless) * felt.share
    });
    Some(Guilt {
        id: id.to_owned(),
        kind: first.kind.clone(),
        service: first.service.clone(),
        at_us: first.at_us,
        description: first.description.clone(),
        place,
        recent,
        overlap,
        shared: shared.iter().take(5).map(|pair| pair.1.clone()).collect(),
        behaviour,
        score: (0.05 + place) * (0.5 + 0.5 * recent) * (0.2 + 0.8 * overlap) * inert * felt,
    })
}

/// The most that a change does, where its diff is known.
fn felt(documents: &[&Change]) -> Option<Behaviour> {
    documents
        .iter()
        .filter_map(|change| behaviour(&change.diff, &change.files))
        .max_by(|a, b| a.share.total_cmp(&b.share))
}

/// A commit that names no service goes out with the next rollout of the service whose folder it
/// touches: the suspicion of that service.
fn carried(documents: &[&Change], trouble: &BTreeMap<String, f64>) -> Option<f64> {
    let files = documents.iter().flat_map(|change| &change.files);
    files
        .flat_map(|file| file.split('/'))
        .filter_map(|folder| trouble.get(folder))
        .copied()
        .max_by(f64::total_cmp)
}

/// Words of what a change did: its files and the changed lines, for the rest is what was there. What
/// the author of a deploy writes of it counts nothing: it says what was meant, and words that fit the
/// failure would cost nothing to write. A flag or a setting has no lines, and its description names it.
fn text(documents: &[&Change]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for change in documents {
        if change.kind != "deploy" && change.diff.is_empty() && change.files.is_empty() {
            found.extend(words(&asserted(&change.description)));
        }
        for file in &change.files {
            found.extend(words(file));
        }
        let (mut removed, mut added) = (BTreeSet::new(), BTreeSet::new());
        for line in change.diff.lines() {
            match line.as_bytes().first() {
                Some(b'-' | b'+') if is_comment(&line[1..]) => {}
                Some(b'-') => removed.extend(words(line)),
                Some(b'+') => added.extend(words(line)),
                // Headers of hunks name the function, and notes what it does.
                Some(b'@') => found.extend(words(&asserted(line))),
                _ => {}
            }
        }
        // Words on both sides were moved, not changed.
        found.extend(removed.symmetric_difference(&added).cloned());
    }
    found
}

/// A text without the clauses that deny something: "no protocol changes" isn't about protocols.
fn asserted(text: &str) -> String {
    let denies = |clause: &str| {
        let lower = clause.to_lowercase();
        lower
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| DENIALS.contains(&word))
    };
    let clauses = text
        .split_inclusive([';', ','])
        .flat_map(|part| part.split_inclusive(". "));
    clauses.filter(|clause| !denies(clause)).collect()
}

/// What the failure says, by word: the alarm, errors of spans, and log lines that are new.
fn symptoms(o: &Observations, onset_us: i64, said_in_health: f64) -> BTreeMap<String, f64> {
    let before: BTreeSet<String> = o
        .logs
        .iter()
        .filter(|line| line.at_us < onset_us - SLACK_US)
        .map(|line| template(&line.message))
        .collect();
    let mut healthy: BTreeSet<String> = BTreeSet::new();
    for line in o
        .logs
        .iter()
        .filter(|line| line.at_us < onset_us - SLACK_US && !is_error(line))
    {
        healthy.extend(words(&line.message));
    }
    let mut said: BTreeMap<String, f64> = BTreeMap::new();
    let mut say = |text: &str, weight: f64| {
        for word in words(text) {
            let weight = if healthy.contains(&word) {
                weight * said_in_health
            } else {
                weight
            };
            let most = said.entry(word).or_default();
            *most = most.max(weight);
        }
    };
    say(&o.alarm.summary, 1.0);
    for line in o
        .logs
        .iter()
        .filter(|line| line.at_us >= onset_us - SLACK_US)
    {
        let fresh = !before.contains(&template(&line.message));
        match (is_error(line), fresh) {
            (true, true) => say(&line.message, 1.0),
            (true, false) => say(&line.message, 0.5),
            (false, true) if is_warning(line) => say(&line.message, 0.6),
            (false, true) => say(&line.message, 0.3),
            (false, false) => {}
        }
        if let Some(error) = &line.error_type {
            say(error, 1.0);
        }
    }
    for span in o
        .spans
        .iter()
        .filter(|span| span.failed && span.at_us >= onset_us)
    {
        if let Some(error) = &span.error {
            say(error, 1.0);
        }
    }
    // A service's own name is in all its texts: it says where, which is weighed by itself.
    for service in o
        .series
        .iter()
        .map(|series| &series.service)
        .chain(&o.services)
    {
        for word in words(service) {
            said.remove(&word);
        }
    }
    said
}

fn is_inert(documents: &[&Change]) -> bool {
    let mut files = documents.iter().flat_map(|change| &change.files).peekable();
    files.peek().is_some()
        && files.all(|file| INERT_ENDINGS.iter().any(|ending| file.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::scene::{MINUTE_US, alarm, change, line, tuning};

    const ONSET: i64 = 100 * MINUTE_US;

    fn trouble(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
        pairs
            .iter()
            .map(|(name, score)| ((*name).to_owned(), *score))
            .collect()
    }

    fn changed(minute: i64, id: &str, service: &str, diff: &str) -> Change {
        Change {
            diff: diff.to_owned(),
            ..change(minute, id, service, "")
        }
    }

    #[test]
    fn guilt_by_hand() {
        let mut o = alarm(102, None);
        o.changes.push(change(80, "d-1", "pay", ""));
        let found = guilt(&o, ONSET, &trouble(&[("pay", 0.75)]), &tuning().change);
        // Twenty minutes old: half of what recency weighs. No word in common: a fifth.
        let wanted = (0.05 + 0.75) * (0.5 + 0.5 * 0.5) * 0.2;
        assert!((found[0].score - wanted).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_decoy_that_is_more_recent_is_less_guilty() {
        let mut o = alarm(102, None);
        o.changes
            .push(changed(70, "d-guilty", "pay", "+connection_pool: 2"));
        o.changes.push(changed(98, "d-decoy", "pay", "+logo: new"));
        o.changes
            .push(changed(99, "d-other", "cart", "+connection_pool: 2"));
        o.logs
            .push(line(ONSET, "pay", "ERROR", "connection pool exhausted"));
        let found = guilt(
            &o,
            ONSET,
            &trouble(&[("pay", 1.0), ("cart", 0.1)]),
            &tuning().change,
        );
        let order: Vec<&str> = found.iter().map(|guilt| guilt.id.as_str()).collect();
        assert_eq!(order, ["d-guilty", "d-decoy", "d-other"]);
        assert_eq!(found[0].shared, ["connection", "pool"]);
    }

    #[test]
    fn what_is_written_of_a_deploy_counts_nothing() {
        let scores = |kind: &str, said: &str| {
            let mut o = alarm(102, None);
            let kind = kind.to_owned();
            o.changes.push(Change {
                kind,
                ..change(70, "d-1", "pay", said)
            });
            o.logs
                .push(line(ONSET, "pay", "ERROR", "connection pool exhausted"));
            guilt(&o, ONSET, &trouble(&[("pay", 1.0)]), &tuning().change)[0].score
        };
        let plain = scores("deploy", "the weekly release");
        let speaks_of_it = scores("deploy", "connection pool exhausted");
        assert!((plain - speaks_of_it).abs() < 1e-12);
        assert!(scores("flag", "connection_pool: off->on") > 1.1 * scores("flag", "logo: off->on"));
    }

    #[test]
    fn what_came_after_the_onset_is_not_looked_at() {
        let mut o = alarm(110, None);
        o.changes.push(change(105, "d-late", "pay", "a fix"));
        assert!(guilt(&o, ONSET, &trouble(&[("pay", 1.0)]), &tuning().change).is_empty());
    }

    #[test]
    fn words_that_healthy_lines_say_too_weigh_little() {
        let overlap = |healthy: bool| {
            let mut o = alarm(102, None);
            o.changes.push(changed(90, "d-1", "pay", "+keep(basket)"));
            o.changes.push(changed(90, "d-2", "pay", "+other()"));
            o.logs.push(line(ONSET, "pay", "ERROR", "basket lost"));
            if healthy {
                o.logs
                    .push(line(ONSET - 30 * MINUTE_US, "pay", "INFO", "basket kept"));
            }
            let found = guilt(&o, ONSET, &trouble(&[("pay", 1.0)]), &tuning().change);
            found[0].overlap
        };
        assert!(
            overlap(true) < 0.3 * overlap(false),
            "{} {}",
            overlap(true),
            overlap(false)
        );
    }

    #[test]
    fn what_no_service_runs_is_inert() {
        let mut o = alarm(102, None);
        let mut docs = change(95, "d-docs", "pay", "");
        docs.files = vec!["pay/README.md".into()];
        let mut code = change(95, "d-code", "pay", "");
        code.files = vec!["pay/main.rs".into(), "pay/README.md".into()];
        o.changes = vec![docs, code];
        let found = guilt(&o, ONSET, &trouble(&[("pay", 1.0)]), &tuning().change);
        assert_eq!(found[0].id, "d-code");
        assert!((found[1].score - found[0].score * 0.25).abs() < 1e-12);
    }

    #[test]
    fn what_takes_a_guard_away_is_guiltier_than_what_tidies() {
        let mut o = alarm(102, None);
        let mut tidy = change(95, "d-tidy", "pay", "");
        tidy.diff = "-\tx := parse(y)\n+\tx := decode(y)".into();
        let mut loose = change(95, "d-loose", "pay", "");
        loose.diff = "-\tmu.Lock()\n \tcount++".into();
        let unknown = change(95, "d-unknown", "pay", "");
        o.changes = vec![tidy, loose, unknown];
        let found = guilt(&o, ONSET, &trouble(&[("pay", 1.0)]), &tuning().change);
        let order: Vec<&str> = found.iter().map(|guilt| guilt.id.as_str()).collect();
        assert_eq!(order, ["d-loose", "d-unknown", "d-tidy"]);
    }

    #[test]
    fn what_a_text_denies_it_does_not_say() {
        let said = asserted("bumps the client; no protobuf changes, touches the sink");
        assert_eq!(said, "bumps the client; touches the sink");
    }

    #[test]
    fn of_a_diff_only_what_differs_counts() {
        let mut moved = change(95, "d-1", "pay", "");
        moved.diff = "-    open(pool)\n+    open(pool, limit)\n context".into();
        let words = text(&[&moved]);
        let found: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(found, ["limit"]);
    }
}
