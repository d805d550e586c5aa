//! Messages in, templates out: one pass, bounded memory.
//!
//! Messages whose words, marks and values stand in the same order are of one shape, and have one
//! template. Shapes that differ in one word only meet at that *place*; when enough different words
//! were seen there, the word is a value, and their templates become one. How many are enough
//! depends on where the word stands and how it looks, never on which log it is.

use super::aging::{Aging, Map};
use super::pattern::Pattern;
use super::scan::{self, Kind, Token, value_hash};
use super::shape::Shape;

/// Templates kept, with those that became part of others; beyond it, and beyond
/// [`MAX_TEMPLATE_BYTES`], those not seen for longest are given up.
pub const MAX_TEMPLATES: usize = 4096;
pub const MAX_TEMPLATE_BYTES: usize = 8 << 20;
/// Shapes of messages whose template is known at once.
pub const MAX_SHAPES: usize = 1 << 16;
/// Places where shapes differ in one word.
pub const MAX_PLACES: usize = 1 << 16;

/// Different words at a place that show that it holds values: in quotes or after `=`,
const ENOUGH_QUOTED: usize = 2;
/// after the word `user`,
const ENOUGH_NAMED: usize = 2;
/// in brackets,
const ENOUGH_BRACKETED: usize = 3;
/// where they look like identifiers,
const ENOUGH_IDENTIFIERS: usize = 3;
/// after a colon,
const ENOUGH_AFTER_COLON: usize = 4;
/// anywhere else,
const ENOUGH: usize = 6;
/// and at the start, where most messages have a word that tells them apart.
const ENOUGH_AT_START: usize = 16;
/// Words of a message, that place not counted, without which it can't be told from others.
const MIN_WORDS: usize = 1;
/// Words of a new message that are tried as values two by two.
const MAX_PAIRED: usize = 16;

/// Odd, so that its powers differ.
const BASE: u64 = 0x9fb2_1c65_1e98_df25;

/// Names a template for as long as it is kept.
pub type Id = u64;

enum Entry {
    Pattern(Pattern),
    /// It is part of another one since.
    Became(Id),
}

pub struct Miner {
    entries: Map<Entry>,
    bytes: usize,
    shapes: Aging<Id>,
    /// Templates that differ at a place, by the shape with a value there.
    places: Aging<Vec<Id>>,
    retired: Vec<(Id, String)>,
    next: Id,
    now: u64,
    powers: Vec<u64>,
}

impl Default for Miner {
    fn default() -> Self {
        let power = |power: &u64| Some(power.wrapping_mul(BASE));
        // One more than tokens, for the value that ends a long message.
        let powers = std::iter::successors(Some(1), power).take(scan::MAX_TOKENS * 2);
        Self {
            entries: Map::default(),
            bytes: 0,
            shapes: Aging::new(MAX_SHAPES),
            places: Aging::new(MAX_PLACES),
            retired: Vec::new(),
            next: 0,
            now: 0,
            powers: powers.collect(),
        }
    }
}

impl Miner {
    /// Takes a message, and names its template. `tokens` is room to work in.
    pub fn observe<'a>(&mut self, message: &'a str, tokens: &mut Vec<Token<'a>>) -> Id {
        self.now += 1;
        self.retired.clear();
        scan::scan(message, tokens);
        let shape = self.shape(tokens);
        let runs = tokens.iter().fold(0_u64, |runs, token| {
            runs.wrapping_mul(31).wrapping_add(u64::from(token.run))
        });
        let id = match self.of_shape(shape) {
            Some(id) => id,
            None => {
                let id = self.find(shape, tokens);
                self.shapes.put(shape, id);
                id
            }
        };
        if let Some(Entry::Pattern(pattern)) = self.entries.get_mut(&id) {
            pattern.take(tokens, runs, self.now);
        }
        id
    }

    /// The template's text, as far as it is known now.
    pub fn template(&self, id: Id) -> Option<String> {
        match self.entries.get(&self.settled(id)?)? {
            Entry::Pattern(pattern) => Some(pattern.text()),
            Entry::Became(_) => None,
        }
    }

    /// Templates that the last message made us give up, as they were then.
    pub fn retired(&self) -> &[(Id, String)] {
        &self.retired
    }

    /// Bytes that are held, about: never more than a few times [`MAX_TEMPLATE_BYTES`].
    pub fn bytes(&self) -> usize {
        let entry = size_of::<(Id, Entry)>();
        let place = size_of::<(Id, Vec<Id>)>() + ENOUGH_AT_START * size_of::<Id>();
        self.bytes
            + self.entries.len() * entry
            + self.shapes.len() * size_of::<(u64, Id)>()
            + self.places.len() * place
    }

    /// Templates, shapes and places that are held.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.entries.len(), self.shapes.len(), self.places.len())
    }

    fn shape(&self, tokens: &[Token]) -> u64 {
        let terms = tokens.iter().zip(&self.powers);
        terms.fold(0_u64, |shape, (token, power)| {
            shape.wrapping_add(token.hash.wrapping_mul(*power))
        })
    }

    /// The template that this one is part of by now.
    fn settled(&self, mut id: Id) -> Option<Id> {
        loop {
            match self.entries.get(&id)? {
                Entry::Pattern(_) => return Some(id),
                Entry::Became(other) => id = *other,
            }
        }
    }

    fn of_shape(&mut self, shape: u64) -> Option<Id> {
        let known = *self.shapes.get(shape)?;
        let id = self.settled(known)?;
        if id != known {
            self.shapes.put(shape, id);
        }
        Some(id)
    }

    /// The template of a shape that was not seen before.
    fn find(&mut self, shape: u64, tokens: &[Token]) -> Id {
        if let Some(id) = self.known(shape, tokens) {
            return id;
        }
        let id = self.add(tokens);
        self.shapes.put(shape, id);
        self.learn(shape, id)
    }

    /// A template that has a value where this shape has a word, or two values for two words.
    fn known(&mut self, shape: u64, tokens: &[Token]) -> Option<Id> {
        let keys: Vec<u64> = (0..tokens.len())
            .filter_map(|at| self.key(shape, at, tokens))
            .collect();
        if let Some(id) = keys.iter().find_map(|key| self.of_shape(*key)) {
            return Some(id);
        }
        let paired = &keys[..keys.len().min(MAX_PAIRED)];
        for (index, one) in paired.iter().enumerate() {
            for other in &paired[..index] {
                // Each key is the shape and one change: both changes make the third.
                let both = one.wrapping_add(*other).wrapping_sub(shape);
                if let Some(id) = self.of_shape(both) {
                    return Some(id);
                }
            }
        }
        None
    }

    /// The shape with a value in the place of a word; keys before `=` are none.
    fn key(&self, shape: u64, at: usize, tokens: &[Token]) -> Option<u64> {
        let token = &tokens[at];
        let is_key = |next: &Token| !next.spaced && next.is_mark(&["="]);
        if token.kind != Kind::Word || tokens.get(at + 1).is_some_and(is_key) {
            return None;
        }
        let change = value_hash(token.spaced).wrapping_sub(token.hash);
        Some(shape.wrapping_add(change.wrapping_mul(*self.powers.get(at)?)))
    }

    fn add(&mut self, tokens: &[Token]) -> Id {
        let pattern = Pattern::new(tokens, self.now);
        let bytes = pattern.bytes();
        if self.entries.len() >= MAX_TEMPLATES || self.bytes + bytes > MAX_TEMPLATE_BYTES {
            self.give_up();
        }
        let id = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.entries.insert(id, Entry::Pattern(pattern));
        id
    }

    /// Remembers at which places a new template differs from others, and makes one of those that
    /// differ in a value only.
    fn learn(&mut self, shape: u64, id: Id) -> Id {
        let Some(Entry::Pattern(pattern)) = self.entries.remove(&id) else {
            return id;
        };
        let tokens = pattern.tokens();
        let full = (0..tokens.len()).find_map(|at| {
            let key = self.key(shape, at, &tokens)?;
            let members = self.meet(key, at, &tokens, id)?;
            Some((at, members))
        });
        let Some((at, members)) = full else {
            self.entries.insert(id, Entry::Pattern(pattern));
            return id;
        };
        let mut tokens = tokens;
        tokens[at].become_value(Shape::Found);
        self.widen(&mut tokens, &members);
        let shape = self.shape(&tokens);
        let (into, is_new) = match self.of_shape(shape) {
            Some(known) => (known, false),
            None => (self.add(&tokens), true),
        };
        drop(tokens);
        self.entries.insert(id, Entry::Pattern(pattern));
        for member in members.into_iter().chain([id]) {
            self.merge(member, into);
        }
        if !is_new {
            return into;
        }
        self.shapes.put(shape, into);
        self.learn(shape, into)
    }

    /// Values are those of the others too: some were found to have more since they met.
    fn widen(&self, tokens: &mut [Token], others: &[Id]) {
        for other in others {
            let Some(Entry::Pattern(pattern)) = self.entries.get(other) else {
                continue;
            };
            for (token, other) in tokens.iter_mut().zip(pattern.tokens()) {
                if token.kind == Kind::Word && other.is_value() {
                    token.become_value(Shape::Found);
                }
            }
        }
    }

    /// One more template at a place: those that met there, when they are enough.
    fn meet(&mut self, key: u64, at: usize, tokens: &[Token], id: Id) -> Option<Vec<Id>> {
        let says = |token: &Token| {
            token.kind == Kind::Word && token.text.bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        let others = tokens
            .iter()
            .enumerate()
            .filter(|(index, token)| *index != at && says(token));
        if others.count() < MIN_WORDS {
            return None;
        }
        let enough = enough(at, tokens);
        let mut members = match self.places.get(key) {
            Some(members) => std::mem::take(members),
            None => Vec::new(),
        };
        // Those that became one since are one.
        let mut settled: Vec<Id> = members
            .drain(..)
            .filter_map(|member| self.settled(member))
            .collect();
        settled.sort_unstable();
        settled.dedup();
        if settled.len() + 1 >= enough {
            return Some(settled);
        }
        settled.push(id);
        self.places.put(key, settled);
        None
    }

    /// One template becomes part of another.
    fn merge(&mut self, id: Id, into: Id) {
        let Some(id) = self.settled(id).filter(|id| *id != into) else {
            return;
        };
        let Some(Entry::Pattern(old)) = self.entries.insert(id, Entry::Became(into)) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(old.bytes());
        if let Some(Entry::Pattern(new)) = self.entries.get_mut(&into) {
            new.absorb(&old);
        }
    }

    /// Gives up those that became part of others, and the half that was not seen for longest.
    fn give_up(&mut self) {
        let mut seen: Vec<u64> = self
            .entries
            .values()
            .filter_map(|entry| match entry {
                Entry::Pattern(pattern) => Some(pattern.seen),
                Entry::Became(_) => None,
            })
            .collect();
        seen.sort_unstable();
        let limit = seen.get(seen.len() / 2).copied().unwrap_or(self.now);
        let goes = |entry: &Entry| match entry {
            Entry::Pattern(pattern) => pattern.seen <= limit,
            Entry::Became(_) => true,
        };
        let gone: Vec<Id> = self
            .entries
            .iter()
            .filter(|(_, entry)| goes(entry))
            .map(|(id, _)| *id)
            .collect();
        for id in &gone {
            if let Some(text) = self.template(*id) {
                self.retired.push((*id, text));
            }
        }
        for id in gone {
            if let Some(Entry::Pattern(pattern)) = self.entries.remove(&id) {
                self.bytes = self.bytes.saturating_sub(pattern.bytes());
            }
        }
    }
}

/// Different words at this place that show that it holds values.
fn enough(at: usize, tokens: &[Token]) -> usize {
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else {
        return ENOUGH_AT_START;
    };
    let (token, after) = (&tokens[at], tokens.get(at + 1));
    let ends = after
        .is_none_or(|after| after.spaced || after.is_mark(&[")", "]", "}", "'", "\"", ",", ";"]));
    if ends && !token.spaced {
        if before.is_mark(&["'", "\"", "="]) {
            return ENOUGH_QUOTED;
        }
        if before.is_mark(&["(", "[", "{"]) {
            return ENOUGH_BRACKETED;
        }
    }
    if token.spaced && before.text.eq_ignore_ascii_case("user") {
        return ENOUGH_NAMED;
    }
    if is_identifier(token.text) {
        return ENOUGH_IDENTIFIERS;
    }
    match before.is_mark(&[":"]) {
        true => ENOUGH_AFTER_COLON,
        false => ENOUGH,
    }
}

/// Digits or underscores, several dots, or capitals behind small letters.
fn is_identifier(text: &str) -> bool {
    let any = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let humps = text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    any(|byte| byte.is_ascii_digit() || *byte == b'_')
        || text.bytes().filter(|byte| *byte == b'.').count() >= 2
        || (humps && any(u8::is_ascii_lowercase))
}
