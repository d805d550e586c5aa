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

/// What was promised of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Promise {
    /// Ours is under it.
    Under(f64),
    /// Ours is over it.
    Over(f64),
    /// Ours is at least so many times as good as the peer.
    Times(f64),
}

pub struct Figure {
    /// Begins with the benchmark's name.
    pub name: String,
    /// `None`: it can't be measured here; `work` says why.
    pub ours: Option<f64>,
    pub unit: &'static str,
    pub promised: Promise,
    /// A rate, and neither a time nor bytes.
    pub more_is_better: bool,
    /// Or why there is none.
    pub peer: Result<Peer, String>,
    pub work: String,
}

impl Figure {
    /// How many times better ours is than the peer.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, peer) = (self.ours?, self.peer.as_ref().ok()?.value);
        let ratio = if self.more_is_better {
            ours / peer
        } else {
            peer / ours
        };
        ratio.is_finite().then_some(ratio)
    }

    /// What couldn't be measured breaks no promise, and the page shows that it wasn't.
    pub fn within(&self) -> bool {
        match self.promised {
            Promise::Under(limit) => self.ours.is_none_or(|ours| ours < limit),
            Promise::Over(limit) => self.ours.is_none_or(|ours| ours > limit),
            Promise::Times(least) => self.ratio().is_none_or(|ratio| ratio >= least),
        }
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
        let promised = match self.promised {
            Promise::Under(limit) => format!("< {limit} {unit}"),
            Promise::Over(limit) => format!("> {limit} {unit}"),
            Promise::Times(least) => format!("ratio >= {least}"),
        };
        let missed = if self.within() { "" } else { ", missed" };
        let peer = match &self.peer {
            Ok(peer) => format!("{} {unit} ({})", short(peer.value), peer.name),
            Err(why) => format!("none: {why}"),
        };
        let ratio = self
            .ratio()
            .map_or("–".to_owned(), |ratio| short(ratio).to_string());
        format!(
            "| {} | {ours} | {promised}{missed} | {peer} | {ratio} | {} |",
            self.name, self.work
        )
    }
}

/// Three significant digits.
pub fn short(value: f64) -> f64 {
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
    use super::{Figure, Peer, Promise, at_share, short};

    fn figure(ours: f64, promised: Promise) -> Figure {
        Figure {
            name: "a".to_owned(),
            ours: Some(ours),
            unit: "ms",
            promised,
            more_is_better: matches!(promised, Promise::Over(_)),
            peer: Ok(Peer {
                name: "b".to_owned(),
                value: 50.0,
            }),
            work: "w".to_owned(),
        }
    }

    #[test]
    fn the_ratio_says_how_many_times_better_ours_is() {
        let (under, over) = (Promise::Under(100.0), Promise::Over(100.0));
        assert_eq!(figure(25.0, under).ratio(), Some(2.0));
        assert_eq!(figure(200.0, over).ratio(), Some(4.0));
        assert!(figure(99.0, under).within() && !figure(101.0, under).within());
        assert!(figure(101.0, over).within() && !figure(99.0, over).within());
        assert!(figure(101.0, under).row().contains("missed"));
        let times = Promise::Times(2.0);
        assert!(figure(25.0, times).within() && !figure(25.1, times).within());
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
