//! One figure, and how it is printed.

use serde_json::{Value, json};

/// The page's table.
pub const HEAD: &str =
    "| what | ours | promised | peer | ratio | work |\n| --- | --- | --- | --- | --- | --- |";

/// What the peer needed for the same work.
pub struct Peer {
    pub name: String,
    pub value: f64,
}

pub struct Figure {
    pub name: &'static str,
    /// `None`: it can't be measured here; `work` says why.
    pub ours: Option<f64>,
    pub unit: &'static str,
    /// Ours has to be under it, or over it for rates.
    pub promised: f64,
    pub more_is_better: bool,
    /// Or why there is none.
    pub peer: Result<Peer, String>,
    pub work: String,
}

impl Figure {
    /// How many times better ours is than the peer.
    fn ratio(&self) -> Option<f64> {
        let (ours, peer) = (self.ours?, self.peer.as_ref().ok()?.value);
        let ratio = if self.more_is_better {
            ours / peer
        } else {
            peer / ours
        };
        ratio.is_finite().then_some(ratio)
    }

    pub fn within(&self) -> bool {
        self.ours.is_none_or(|ours| {
            if self.more_is_better {
                ours > self.promised
            } else {
                ours < self.promised
            }
        })
    }

    /// The line that programs read.
    pub fn json(&self) -> Value {
        let peer = self.peer.as_ref().ok();
        json!({
            "name": self.name,
            "ours": self.ours.map(short),
            "peer": peer.map(|peer| short(peer.value)),
            "peer_name": peer.map(|peer| peer.name.as_str()),
            "unit": self.unit,
            "ratio": self.ratio().map(short),
            "work": self.work,
        })
    }

    /// A row of the page's table.
    pub fn row(&self) -> String {
        let unit = self.unit;
        let ours = self.ours.map_or("not measured".to_owned(), |ours| {
            format!("{} {unit}", short(ours))
        });
        let sign = if self.more_is_better { ">" } else { "<" };
        let missed = if self.within() { "" } else { ", missed" };
        let peer = match &self.peer {
            Ok(peer) => format!("{} {unit} ({})", short(peer.value), peer.name),
            Err(why) => format!("none: {why}"),
        };
        let ratio = self
            .ratio()
            .map_or("–".to_owned(), |ratio| short(ratio).to_string());
        format!(
            "| {} | {ours} | {sign} {} {unit}{missed} | {peer} | {ratio} | {} |",
            self.name, self.promised, self.work
        )
    }
}

/// Three significant digits.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(2.0 - value.abs().log10().floor());
    if value.abs() >= 1_000.0 {
        value.round()
    } else {
        (value * scale).round() / scale
    }
}

pub fn table(figures: &[Figure]) -> String {
    let rows: Vec<String> = figures.iter().map(Figure::row).collect();
    format!("{HEAD}\n{}", rows.join("\n"))
}

/// The value at a share of sorted values, by the nearest rank.
pub fn at_share(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::{Figure, Peer, at_share, short};

    fn figure(ours: f64, more_is_better: bool) -> Figure {
        Figure {
            name: "a",
            ours: Some(ours),
            unit: "ms",
            promised: 100.0,
            more_is_better,
            peer: Ok(Peer {
                name: "b".to_owned(),
                value: 50.0,
            }),
            work: "w".to_owned(),
        }
    }

    #[test]
    fn the_ratio_says_how_many_times_better_ours_is() {
        assert_eq!(figure(25.0, false).ratio(), Some(2.0));
        assert_eq!(figure(200.0, true).ratio(), Some(4.0));
        assert!(figure(99.0, false).within() && !figure(101.0, false).within());
        assert!(figure(101.0, true).within() && !figure(99.0, true).within());
        assert!(figure(101.0, false).row().contains("missed"));
    }

    #[test]
    fn ranks_and_digits() {
        let mut values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(at_share(&mut values, 0.95), Some(19.0));
        assert_eq!(at_share(&mut values, 0.5), Some(10.0));
        assert_eq!(at_share(&mut [], 0.5), None);
        assert_eq!(short(0.123_456), 0.123);
        assert_eq!(short(54_321.6), 54_322.0);
    }
}
