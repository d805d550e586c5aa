use super::*;

const MINUTE_MS: i64 = 60_000;

/// Services with numbers that move each in its own way.
struct Fleet {
    watch: Watch,
    topology: Topology,
    minute: i64,
    services: Vec<&'static str>,
    fields: Vec<&'static str>,
}

impl Fleet {
    fn new(calls: &[(&str, &str)]) -> Self {
        let mut topology = Topology::default();
        for (caller, callee) in calls {
            topology.add(caller, callee);
        }
        Self {
            watch: Watch::default(),
            topology,
            minute: 0,
            services: vec!["a", "b", "c"],
            fields: vec!["x", "y", "z"],
        }
    }

    /// A minute in which some numbers are so many times as high as usual.
    fn minute(&mut self, times: &[(&str, &str, f64)]) -> Vec<Trouble> {
        self.minute_with(times, &About::default())
    }

    fn minute_with(&mut self, times: &[(&str, &str, f64)], about: &About) -> Vec<Trouble> {
        self.minute += 1;
        let at = Timestamp(self.minute * MINUTE_MS);
        let mut samples = Vec::new();
        for (s, service) in self.services.iter().enumerate() {
            for (f, field) in self.fields.iter().enumerate() {
                let phase = (s * 5 + f * 3 + 2) as i64;
                let unrest = (self.minute * self.minute * phase % 17) as f64 / 100.0;
                let more = times
                    .iter()
                    .find(|one| one.0 == *service && one.1 == *field);
                let value = 100.5 * (1.0 + unrest) * more.map_or(1.0, |one| one.2);
                samples.push(Sample {
                    service,
                    field,
                    at,
                    value,
                });
            }
        }
        self.watch
            .look(at.plus_ms(MINUTE_MS), &samples, about, &self.topology)
    }

    fn hour(&mut self) {
        for minute in 0..60 {
            let troubles = self.minute(&[]);
            assert!(troubles.is_empty(), "minute {minute}: {troubles:?}");
        }
    }
}

fn named(trouble: &Trouble) -> Vec<(&str, &str)> {
    let pieces = trouble.pieces.iter();
    let mut named: Vec<(&str, &str)> = pieces
        .map(|piece| (piece.service.as_str(), piece.field.as_str()))
        .collect();
    named.sort_unstable();
    named
}

#[test]
fn one_number_is_noise_and_two_at_once_are_trouble() {
    let mut fleet = Fleet::new(&[]);
    fleet.hour();
    for _ in 0..5 {
        assert_eq!(fleet.minute(&[("a", "x", 9.0)]), []);
    }
    let mut fleet = Fleet::new(&[]);
    fleet.hour();
    let both = [("a", "x", 9.0), ("a", "y", 5.0)];
    assert_eq!(fleet.minute(&both), [], "one minute is noise, too");
    let troubles = fleet.minute(&both);
    assert_eq!(troubles.len(), 1);
    assert_eq!(named(&troubles[0]), [("a", "x"), ("a", "y")]);
    let first = &troubles[0].pieces[0];
    assert_eq!((first.service.as_str(), first.field.as_str()), ("a", "x"));
    assert!(
        first.usual < first.line && first.line < first.observed,
        "{first:?}"
    );
    assert_eq!(first.since, Some(Timestamp(61 * MINUTE_MS)));
}

#[test]
fn neighbours_are_one_trouble_and_strangers_are_noise() {
    let both = [("a", "x", 9.0), ("b", "y", 9.0)];
    let seen = |calls: &[(&str, &str)]| {
        let mut fleet = Fleet::new(calls);
        fleet.hour();
        fleet.minute(&both);
        fleet.minute(&both).len()
    };
    assert_eq!(seen(&[("a", "b")]), 1);
    assert_eq!(seen(&[("c", "a"), ("c", "b")]), 1, "called by the same");
    assert_eq!(seen(&[("a", "c")]), 0, "b is a stranger");
    assert_eq!(seen(&[]), 1, "nobody said who calls whom");
}

#[test]
fn percentiles_of_one_thing_are_one_observation() {
    let mut fleet = Fleet::new(&[]);
    fleet.fields = vec!["p90", "p99", "z"];
    fleet.hour();
    let both = [("a", "p90", 9.0), ("a", "p99", 9.0)];
    fleet.minute(&both);
    assert_eq!(fleet.minute(&both), []);
}

#[test]
fn after_an_alarm_related_trouble_is_known_until_it_was_quiet_for_long() {
    let mut fleet = Fleet::new(&[("a", "b")]);
    fleet.hour();
    let first = [("a", "x", 9.0), ("a", "y", 9.0)];
    fleet.minute(&first);
    assert!(fleet.minute(&first).iter().all(|trouble| !trouble.known));
    let next = [("b", "y", 20.0), ("b", "z", 20.0)];
    fleet.minute(&next);
    let troubles = fleet.minute(&next);
    assert!(!troubles.is_empty() && troubles.iter().all(|trouble| trouble.known));
    for _ in 0..=SILENCE_MS / MINUTE_MS {
        fleet.minute(&[]);
    }
    let far = [("b", "x", 900.0), ("b", "z", 900.0)];
    fleet.minute(&far);
    assert!(fleet.minute(&far).iter().any(|trouble| !trouble.known));
}

#[test]
fn a_number_that_strays_somewhere_is_not_trusted_anywhere() {
    let straying = |before: bool| {
        let mut fleet = Fleet::new(&[]);
        fleet.hour();
        if before {
            // Alone, as noise does it, at another service.
            fleet.minute(&[("c", "x", 40.0)]);
            fleet.minute(&[("c", "x", 40.0)]);
            for _ in 0..30 {
                fleet.minute(&[]);
            }
        }
        let both = [("a", "x", 9.0), ("a", "y", 9.0)];
        fleet.minute(&both);
        fleet.minute(&both).len()
    };
    assert_eq!((straying(false), straying(true)), (1, 0));
}

#[test]
fn rarely_measured_numbers_of_idle_services_say_nothing() {
    let idle = About {
        idle: BTreeSet::from(["a".to_owned()]),
        ..About::default()
    };
    let seen = |about: &About| {
        let mut watch = Watch::default();
        let mut troubles = Vec::new();
        for minute in 1..=62 {
            // A default between rare measurements.
            let (x, y) = match minute {
                61.. => (3600.5, 90.5),
                _ => (0.5 + f64::from(minute % 20 / 19) / 100.0, 0.75),
            };
            let at = Timestamp(i64::from(minute) * MINUTE_MS);
            let sample = |field, value| Sample {
                service: "a",
                field,
                at,
                value,
            };
            let samples = [sample("x", x), sample("y", y)];
            troubles = watch.look(at, &samples, about, &Topology::default());
        }
        troubles.len()
    };
    assert_eq!((seen(&About::default()), seen(&idle)), (1, 0));
}

#[test]
fn more_requests_are_no_trouble_and_neither_is_what_rises_with_them() {
    let about = About {
        requests: BTreeSet::from(["x".to_owned()]),
        ..About::default()
    };
    let seen = |times: [f64; 3]| {
        let mut fleet = Fleet::new(&[]);
        fleet.hour();
        let [x, y, z] = times;
        let all = [("a", "x", x), ("a", "y", y), ("a", "z", z)];
        fleet.minute_with(&all, &about);
        let troubles = fleet.minute_with(&all, &about);
        troubles
            .iter()
            .flat_map(named)
            .map(|(_, field)| field)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(seen([9.0, 9.0, 9.0]), "");
    assert_eq!(seen([9.0, 90.0, 50.0]), "y z", "more than requests did");
    assert_eq!(
        seen([0.05, 9.0, 1.0]),
        "x y",
        "requests that stay away are trouble"
    );
}

#[test]
fn a_series_too_many_is_not_watched() {
    let mut watch = Watch::default();
    let names: Vec<String> = (0..=MAX_SERIES).map(|index| format!("s{index}")).collect();
    let samples: Vec<Sample> = names
        .iter()
        .map(|service| Sample {
            service,
            field: "x",
            at: Timestamp(MINUTE_MS),
            value: 1.5,
        })
        .collect();
    watch.learn(&samples);
    assert_eq!(watch.series.len(), MAX_SERIES);
}
