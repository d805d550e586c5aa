//! The circuit breaker of one destination: whoever fails again and again is left alone for a
//! while. A state machine over outcomes, with time as an argument.

use std::time::{Duration, Instant};

/// So many failures in a row shut it: one is chance, and a dead peer should cost few time limits.
pub const FAILURES_IN_A_ROW: u32 = 5;
/// The last outcomes that its rate of failures is taken over.
pub const RATE_OVER: u32 = 20;
/// So many failures among [`RATE_OVER`] shut it, for a peer that fails every other time never has
/// five in a row.
pub const FAILURES_IN_RATE: u32 = 10;
/// How long it stays shut at first: a restarted peer is back about then.
pub const FIRST_SHUT: Duration = Duration::from_secs(5);
/// Each probe that fails doubles that, up to here: somebody waits for an action meanwhile.
pub const LONGEST_SHUT: Duration = Duration::from_secs(60);
/// When to ask again while a probe is under way: its answer comes within seconds, as a rule.
pub const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Closed: calls pass. Open: none does until a time. Half-open: one probe is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    Probing,
}

/// The circuit breaker of one destination.
#[derive(Debug, Clone)]
pub struct Breaker {
    state: State,
    /// Changes with the state: outcomes of calls that were let in before count no more.
    term: u64,
    in_a_row: u32,
    /// The last outcomes, newest in the lowest bit; a failure is 1.
    outcomes: u32,
    shut_for: Duration,
}

/// One call's right to be made; its outcome is told with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    term: u64,
}

/// No call now: when to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shut {
    /// Never before this.
    pub until: Instant,
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    None,
    /// It was closed and is open.
    Opened,
    /// It was open, or half-open, and is closed.
    Closed,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            term: 0,
            in_a_row: 0,
            outcomes: 0,
            shut_for: FIRST_SHUT,
        }
    }
}

impl Breaker {
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Lets a call in: all while closed, one probe once its time is over, none otherwise.
    pub fn admit(&mut self, now: Instant) -> Result<Ticket, Shut> {
        match self.state {
            State::Closed => {}
            State::Open { until } if now < until => return Err(Shut { until }),
            State::Open { .. } => self.turn(State::Probing),
            State::Probing => {
                let until = now + PROBE_PAUSE;
                return Err(Shut { until });
            }
        }
        Ok(Ticket { term: self.term })
    }

    /// The destination answered.
    pub fn succeeded(&mut self, ticket: Ticket) -> Turn {
        if ticket.term != self.term {
            return Turn::None;
        }
        match self.state {
            State::Closed => {
                self.in_a_row = 0;
                self.remember(false);
                Turn::None
            }
            State::Open { .. } | State::Probing => {
                let term = self.term + 1;
                *self = Self {
                    term,
                    ..Self::default()
                };
                Turn::Closed
            }
        }
    }

    /// The destination could not be reached, broke off, took too long, or said that it fails.
    pub fn failed(&mut self, ticket: Ticket, now: Instant) -> Turn {
        if ticket.term != self.term {
            return Turn::None;
        }
        match self.state {
            State::Closed => {
                self.in_a_row += 1;
                self.remember(true);
                let failing = self.in_a_row >= FAILURES_IN_A_ROW
                    || self.outcomes.count_ones() >= FAILURES_IN_RATE;
                if !failing {
                    return Turn::None;
                }
                let until = now + self.shut_for;
                self.turn(State::Open { until });
                Turn::Opened
            }
            State::Open { .. } | State::Probing => {
                self.shut_for = (self.shut_for * 2).min(LONGEST_SHUT);
                let until = now + self.shut_for;
                self.turn(State::Open { until });
                Turn::None
            }
        }
    }

    /// The call was given up before it said anything of the destination: the next one may probe.
    pub fn gave_up(&mut self, ticket: Ticket, now: Instant) {
        if ticket.term == self.term && self.state == State::Probing {
            self.turn(State::Open { until: now });
        }
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.term += 1;
    }

    fn remember(&mut self, failed: bool) {
        let kept = (1 << RATE_OVER) - 1;
        self.outcomes = ((self.outcomes << 1) | u32::from(failed)) & kept;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fail(breaker: &mut Breaker, now: Instant) -> Turn {
        let ticket = breaker.admit(now).expect("is let in");
        breaker.failed(ticket, now)
    }

    #[test]
    fn failures_in_a_row_open_it_one_probe_closes_it() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_IN_A_ROW {
            assert_eq!(fail(&mut breaker, start), Turn::None);
        }
        assert_eq!(fail(&mut breaker, start), Turn::Opened);
        let until = start + FIRST_SHUT;
        assert_eq!(breaker.admit(start), Err(Shut { until }));
        let probe = breaker.admit(until).expect("a probe");
        let second = breaker.admit(until).expect_err("one probe alone");
        assert_eq!(second.until, until + PROBE_PAUSE);
        assert_eq!(breaker.succeeded(probe), Turn::Closed);
        assert!(breaker.is_closed());
        assert_eq!(fail(&mut breaker, until), Turn::None, "it counts anew");
    }

    #[test]
    fn each_probe_that_fails_doubles_the_wait_up_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_IN_A_ROW {
            fail(&mut breaker, now);
        }
        let mut waits = Vec::new();
        for _ in 0..6 {
            let shut = breaker.admit(now).expect_err("is shut");
            waits.push((shut.until - now).as_secs());
            now = shut.until;
            assert_eq!(fail(&mut breaker, now), Turn::None);
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn every_other_call_failing_opens_it_too() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let mut calls = 0;
        while breaker.is_closed() {
            let ticket = breaker.admit(now).expect("is let in");
            if calls % 2 == 0 {
                breaker.failed(ticket, now);
            } else {
                breaker.succeeded(ticket);
            }
            calls += 1;
            assert!(calls < 2 * RATE_OVER, "opens in time");
        }
        assert_eq!(calls, 2 * FAILURES_IN_RATE - 1);
    }

    #[test]
    fn a_probe_that_was_given_up_is_followed_by_another() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_IN_A_ROW {
            fail(&mut breaker, start);
        }
        let later = start + FIRST_SHUT;
        let probe = breaker.admit(later).expect("a probe");
        breaker.gave_up(probe, later);
        let next = breaker.admit(later).expect("another probe");
        assert_eq!(breaker.succeeded(probe), Turn::None, "the old one is over");
        assert_eq!(breaker.succeeded(next), Turn::Closed);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Admit,
        Succeed(usize),
        Fail(usize),
        GiveUp(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Admit),
            1 => any::<usize>().prop_map(Step::Succeed),
            4 => any::<usize>().prop_map(Step::Fail),
            1 => any::<usize>().prop_map(Step::GiveUp),
            2 => (0..20_000_u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn shut_means_shut_until_the_time_it_said_and_never_too_long(steps in prop::collection::vec(step(), 0..300)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::default();
            let mut under_way: Vec<Ticket> = Vec::new();
            let mut said: Option<Instant> = None;
            for step in steps {
                let pick = |under_way: &mut Vec<Ticket>, index: usize| {
                    (!under_way.is_empty()).then(|| under_way.swap_remove(index % under_way.len()))
                };
                match step {
                    Step::Wait(ms) => now += Duration::from_millis(ms),
                    Step::Admit => match breaker.admit(now) {
                        Ok(ticket) => {
                            if breaker.state == State::Probing {
                                prop_assert!(said.is_none_or(|until| now >= until), "a probe came early");
                                prop_assert!(under_way.iter().all(|other| other.term != ticket.term), "two probes");
                            }
                            under_way.push(ticket);
                        }
                        Err(shut) => {
                            prop_assert!(shut.until > now && shut.until <= now + LONGEST_SHUT);
                            said = match breaker.state {
                                State::Open { until } => Some(until),
                                State::Closed | State::Probing => None,
                            };
                        }
                    },
                    Step::Succeed(index) => if let Some(ticket) = pick(&mut under_way, index)
                        && breaker.succeeded(ticket) == Turn::Closed { said = None },
                    Step::Fail(index) => if let Some(ticket) = pick(&mut under_way, index) {
                        breaker.failed(ticket, now);
                    },
                    Step::GiveUp(index) => if let Some(ticket) = pick(&mut under_way, index) {
                        breaker.gave_up(ticket, now);
                    },
                }
            }
        }
    }
}
