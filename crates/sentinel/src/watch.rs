//! Every number that services report, watched: pure, and blind to what the numbers are called.
//!
//! A number that leaves all that was usual for it is noise: with thousands of them, some always
//! do. Trouble is where several that don't move together by nature leave it at once, twice in
//! three values, at one service or at services that call each other. What each is held against is
//! learned from its own past, from how wild the same number is at its peers, and from how far it
//! has strayed anywhere before. Nothing here looks ahead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::Timestamp;

use crate::correlate::Topology;

pub mod series;

use series::{Series, quantile};

/// Series that are remembered; those that come later are not watched.
pub const MAX_SERIES: usize = 50_000;
/// Deviations that are compared with each other at one tick: the strongest.
pub const MAX_PIECES: usize = 60;
/// Calls between two services for their deviations to be one trouble.
pub const MAX_HOPS: usize = 4;
/// Spreads that a deviation must exceed.
const LEAST_SPREADS: f64 = 4.0;
/// And so many values' worth more while few are known: what is usual is then itself uncertain.
const YOUTH: f64 = 10.0;
/// The quantile of peers' wildness, and the share of it that everyone is taken to have.
const PEERS_QUANTILE: f64 = 0.9;
const PEERS_SHARE: f64 = 0.8;
/// Strength of one deviation: doublings over its line, at most so many.
const MAX_STRENGTH: f64 = 3.0;
/// The strength of all deviations together that is trouble, and how many it takes.
const LEAST_STRENGTH: f64 = 1.2;
const LEAST_PIECES: usize = 2;
/// Two series that are more alike are one observation.
const SAME: f64 = 0.9;
/// A deviation counts as of now for so long.
const FRESH_MS: i64 = 2 * 60_000;
/// How far a number has strayed becomes its line only after so long: trouble is not its own line.
const LESSON_MS: i64 = 10 * 60_000;
/// That line comes down to half in so long.
const HALF_LIFE_MS: f64 = 12.0 * 3_600_000.0;
/// Related services are silent for so long after trouble was last seen.
pub const SILENCE_MS: i64 = 30 * 60_000;
/// Troubles that are remembered for silence.
const MAX_TROUBLES: usize = 100;

/// One number of one service, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    pub service: &'a str,
    pub field: &'a str,
    pub at: Timestamp,
    pub value: f64,
}

/// What is known of services and fields beside their numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// Services that had next to no requests: their rarely measured numbers say nothing.
    pub idle: BTreeSet<String>,
    /// Fields that count requests.
    pub requests: BTreeSet<String>,
}

/// A number that left what was usual.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub service: String,
    pub field: String,
    pub observed: f64,
    pub usual: f64,
    /// What it crossed, in its own unit.
    pub line: f64,
    /// Doublings of its distance over the line's.
    pub strength: f64,
    pub since: Option<Timestamp>,
}

/// Deviations that belong together; the strongest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    pub pieces: Vec<Piece>,
    pub strength: f64,
    /// Related trouble was seen a short while ago: there is nothing new to say.
    pub known: bool,
}

impl Trouble {
    pub fn services(&self) -> BTreeSet<&str> {
        self.pieces
            .iter()
            .map(|piece| piece.service.as_str())
            .collect()
    }
}

/// Positions of a service's and a field's name.
type Key = (u32, u32);

#[derive(Debug, Clone, Default)]
pub struct Watch {
    services: Names,
    fields: Names,
    series: BTreeMap<Key, Series>,
    /// By field: how wild it is at most services.
    peers: BTreeMap<u32, f64>,
    /// By field: how far it strayed anywhere, and when that was learned.
    strayed: BTreeMap<u32, (f64, Timestamp)>,
    lessons: VecDeque<(Timestamp, u32, f64)>,
    deviating: BTreeMap<Key, Deviating>,
    troubles: VecDeque<(Timestamp, BTreeSet<String>)>,
}

#[derive(Debug, Clone, Copy)]
struct Deviating {
    at: Timestamp,
    /// In spreads, with its sign.
    distance: f64,
    /// In spreads.
    line: f64,
}

impl Deviating {
    fn strength(&self) -> f64 {
        (self.distance.abs() / self.line).log2()
    }
}

#[derive(Debug, Clone, Default)]
struct Names {
    of: Vec<String>,
    places: BTreeMap<String, u32>,
}

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.of.len() as u32;
        self.of.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

impl Watch {
    /// Learns from values of the past without judging them.
    pub fn learn(&mut self, samples: &[Sample]) {
        for sample in samples {
            self.take(sample);
        }
    }

    /// Looks at what came since the last tick. Values must come in the order of their moments.
    pub fn look(
        &mut self,
        tick: Timestamp,
        samples: &[Sample],
        about: &About,
        topology: &Topology,
    ) -> Vec<Trouble> {
        self.meet_peers();
        let taken: BTreeSet<Key> = samples
            .iter()
            .filter_map(|sample| self.take(sample))
            .collect();
        let mut furthest: BTreeMap<u32, f64> = BTreeMap::new();
        for key in taken {
            self.deviating.remove(&key);
            let Some(distance) = self.distance(key, about) else {
                continue;
            };
            let strayed = furthest.entry(key.1).or_default();
            *strayed = strayed.max(distance.abs());
            let known = self.series.get(&key).map_or(0, Series::known);
            let line = self.line(key.1, known, tick);
            if distance.abs() > line && !self.is_load(key, distance, line, about) {
                let deviating = Deviating {
                    at: tick,
                    distance,
                    line,
                };
                self.deviating.insert(key, deviating);
            }
        }
        self.learn_lessons(tick, furthest);
        self.deviating
            .retain(|_, deviating| tick.ms() - deviating.at.ms() < FRESH_MS);
        self.troubles(tick, topology)
    }

    /// How far a number strayed, in spreads; `None` where that says nothing.
    fn distance(&self, (service, field): Key, about: &About) -> Option<f64> {
        let series = self.series.get(&(service, field))?;
        let idle = about.idle.contains(&self.services.of[service as usize]);
        let distance = series.deviation();
        (distance != 0.0 && !(idle && series.is_lumpy())).then_some(distance)
    }

    /// More requests are no trouble, and neither is what rose no more than they did.
    fn is_load(&self, (service, field): Key, distance: f64, line: f64, about: &About) -> bool {
        if distance < 0.0 {
            return false;
        }
        let counts = |field: &String| self.fields.places.get(field).copied();
        let mut requests = about.requests.iter().filter_map(counts);
        if requests.clone().any(|of| of == field) {
            return true;
        }
        let risen = requests.find_map(|of| {
            let series = self.series.get(&(service, of))?;
            let times = series.newest()? / series.usual()?.median;
            (times.is_finite() && times > 1.0).then_some(times)
        });
        let of_it = risen.and_then(|times| {
            let series = self.series.get(&(service, field))?;
            let usual = series.usual()?;
            let peers = self.peers.get(&field).copied().unwrap_or(0.0);
            let high = usual.median + line * usual.scale(peers);
            Some(series.newest()? / times <= high)
        });
        of_it.unwrap_or(false)
    }

    /// The newest value of one number, in the unit that it is judged in.
    pub fn newest(&self, service: &str, field: &str) -> Option<f64> {
        let service = self.services.places.get(service)?;
        let field = self.fields.places.get(field)?;
        self.series.get(&(*service, *field))?.newest()
    }

    /// Whether the service reports any number at all.
    pub fn knows(&self, service: &str) -> bool {
        let place = self.services.places.get(service);
        place.is_some_and(|&place| {
            let of_service = (place, 0)..=(place, u32::MAX);
            self.series.range(of_service).next().is_some()
        })
    }

    /// The time between two values, at nine of ten series at most. `None` before there are any.
    pub fn step_ms(&self) -> Option<i64> {
        let mut steps: Vec<i64> = self.series.values().filter_map(Series::step_ms).collect();
        steps.sort_unstable();
        steps.get(steps.len() * 9 / 10).copied()
    }

    fn take(&mut self, sample: &Sample) -> Option<Key> {
        let key = (
            self.services.place(sample.service),
            self.fields.place(sample.field),
        );
        if self.series.len() >= MAX_SERIES && !self.series.contains_key(&key) {
            return None;
        }
        let peers = self.peers.get(&key.1).copied().unwrap_or(0.0);
        let series = self.series.entry(key).or_default();
        series
            .take(sample.at.ms(), sample.value, peers)
            .then_some(key)
    }

    /// A number that is wild at its peers is not trusted to be steady here.
    fn meet_peers(&mut self) {
        let mut wild: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for ((_, field), series) in &self.series {
            if let Some(wildness) = series.wildness() {
                wild.entry(*field).or_default().push(wildness);
            }
        }
        self.peers = wild
            .into_iter()
            .map(|(field, mut wild)| {
                wild.sort_by(f64::total_cmp);
                (field, quantile(&wild, PEERS_QUANTILE) * PEERS_SHARE)
            })
            .collect();
    }

    /// Spreads that a deviation of a field must exceed.
    fn line(&self, field: u32, known: usize, tick: Timestamp) -> f64 {
        let least = LEAST_SPREADS * (1.0 + YOUTH / known.max(1) as f64);
        let strayed = self.strayed.get(&field).map_or(0.0, |(strayed, at)| {
            let age = (tick.ms() - at.ms()).max(0) as f64;
            strayed * 0.5f64.powf(age / HALF_LIFE_MS)
        });
        least.max(strayed)
    }

    fn learn_lessons(&mut self, tick: Timestamp, furthest: BTreeMap<u32, f64>) {
        let lessons = furthest.into_iter();
        self.lessons
            .extend(lessons.map(|(field, strayed)| (tick, field, strayed)));
        while let Some((at, field, strayed)) = self.lessons.front().copied()
            && tick.ms() - at.ms() >= LESSON_MS
        {
            self.lessons.pop_front();
            if strayed > self.line(field, usize::MAX, tick) {
                self.strayed.insert(field, (strayed, tick));
            }
        }
    }

    fn troubles(&mut self, tick: Timestamp, topology: &Topology) -> Vec<Trouble> {
        self.troubles
            .retain(|(at, _)| tick.ms() - at.ms() <= SILENCE_MS);
        let mut troubles = Vec::new();
        for group in self.groups(topology) {
            let strength = group.iter().map(|(_, strength)| strength.min(MAX_STRENGTH));
            let strength: f64 = strength.sum();
            if group.len() < LEAST_PIECES || strength < LEAST_STRENGTH {
                continue;
            }
            let pieces: Vec<Piece> = group
                .iter()
                .filter_map(|(key, strength)| self.piece(*key, *strength))
                .collect();
            let mut trouble = Trouble {
                pieces,
                strength,
                known: false,
            };
            trouble.known = self.note(tick, &trouble, topology);
            troubles.push(trouble);
        }
        troubles.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        troubles
    }

    /// Independent deviations, strongest first, each group around its strongest.
    fn groups(&self, topology: &Topology) -> Vec<Vec<(Key, f64)>> {
        let mut strongest: Vec<(Key, f64)> = self
            .deviating
            .iter()
            .map(|(key, deviating)| (*key, deviating.strength()))
            .collect();
        strongest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        strongest.truncate(MAX_PIECES);
        let mut groups = Vec::new();
        while let Some(((service, _), _)) = strongest.first() {
            let near = topology.around(&self.services.of[*service as usize], MAX_HOPS);
            let (group, rest) = strongest
                .into_iter()
                .partition(|((of, _), _)| near.holds(&self.services.of[*of as usize]));
            groups.push(self.independent(group));
            strongest = rest;
        }
        groups
    }

    /// Of deviations that are one observation, the strongest.
    fn independent(&self, group: Vec<(Key, f64)>) -> Vec<(Key, f64)> {
        let mut kept: Vec<(Key, f64)> = Vec::new();
        for (key, strength) in group {
            if !kept.iter().any(|(other, _)| self.is_same(key, *other)) {
                kept.push((key, strength));
            }
        }
        kept
    }

    /// Whether two deviations are one observation: two percentiles of one thing, or one thing in
    /// two units.
    fn is_same(&self, a: Key, b: Key) -> bool {
        let stem = |key: Key| {
            let name = self.fields.of[key.1 as usize].chars();
            name.filter(|letter| !letter.is_ascii_digit())
        };
        if a.0 == b.0 && stem(a).eq(stem(b)) {
            return true;
        }
        match (self.series.get(&a), self.series.get(&b)) {
            (Some(a), Some(b)) => a.likeness(b, FRESH_MS / 2).abs() > SAME,
            _ => false,
        }
    }

    fn piece(&self, key: Key, strength: f64) -> Option<Piece> {
        let series = self.series.get(&key)?;
        let deviating = self.deviating.get(&key)?;
        let usual = series.usual()?;
        let peers = self.peers.get(&key.1).copied().unwrap_or(0.0);
        let away = deviating.line * usual.scale(peers);
        Some(Piece {
            service: self.services.of[key.0 as usize].clone(),
            field: self.fields.of[key.1 as usize].clone(),
            observed: series.newest()?,
            usual: usual.median,
            line: usual.median + away.copysign(deviating.distance),
            strength,
            since: series.since().map(Timestamp),
        })
    }

    /// Remembers a trouble; whether related trouble was seen before.
    fn note(&mut self, tick: Timestamp, trouble: &Trouble, topology: &Topology) -> bool {
        let services: BTreeSet<String> =
            trouble.services().into_iter().map(str::to_owned).collect();
        let near = trouble
            .pieces
            .first()
            .map(|piece| topology.around(&piece.service, MAX_HOPS));
        let related = |known: &BTreeSet<String>| {
            let near = near.as_ref();
            known
                .iter()
                .any(|service| near.is_some_and(|near| near.holds(service)))
        };
        let known = self
            .troubles
            .iter_mut()
            .find(|(_, services)| related(services));
        if let Some((at, known)) = known {
            *at = tick;
            known.extend(services);
            return true;
        }
        if self.troubles.len() >= MAX_TROUBLES {
            self.troubles.pop_front();
        }
        self.troubles.push_back((tick, services));
        false
    }
}

#[cfg(test)]
mod tests;
