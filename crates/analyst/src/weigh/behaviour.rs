//! What a diff does to the program that runs: a moved line does nothing, a dropped guard or another
//! number does. Read as text, by what programming languages have in common.

use std::collections::{BTreeMap, BTreeSet};

/// What a diff does: how much of what runs is another after it, 0 to 1, and in words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behaviour {
    pub share: f64,
    pub does: &'static str,
}

const fn that(share: f64, does: &'static str) -> Behaviour {
    Behaviour { share, does }
}

/// Of two lines' words, the share in common from which one became the other.
const SAME_LINE: f64 = 0.6;
/// Only moves or renames, or does what no rule here knows.
const MOVES: Behaviour = that(0.2, "changes little in how it runs");
/// A lock, a limit, a check for what is missing.
const UNGUARDED: Behaviour = that(0.9, "takes a guard away");
/// And no other call in its place.
const UNCALLED: Behaviour = that(1.0, "takes a call away");
/// Another number, switch or comparison in a line that stayed.
const ANOTHER_VALUE: Behaviour = that(1.0, "sets another value");
/// Another name in quotes: a key, a column, a route.
const ANOTHER_NAME: Behaviour = that(0.8, "uses another name");
/// Work that grows with what comes in.
const WORK_IN_LOOP: Behaviour = that(0.9, "calls something new in a loop");
/// To a database.
const NEW_STATEMENT: Behaviour = that(0.9, "asks a database something new");
/// Another version of a dependency, by the first part of it that differs (semver).
const VERSIONS: [Behaviour; 3] = [
    that(0.8, "takes another major version of a dependency"),
    that(0.5, "takes another minor version of a dependency"),
    that(0.25, "takes another patch of a dependency"),
];
/// Lines of a diff that are read.
const MAX_LINES: usize = 2_000;

/// Words of what keeps a program from harm.
const GUARDS: [&str; 24] = [
    "lock",
    "unlock",
    "rlock",
    "mutex",
    "atomic",
    "synchronized",
    "limit",
    "timeout",
    "deadline",
    "retry",
    "backoff",
    "close",
    "defer",
    "finally",
    "cancel",
    "recover",
    "catch",
    "except",
    "validate",
    "nil",
    "null",
    "none",
    "undefined",
    "evict",
];
const STATEMENTS: [&str; 7] = [
    "select ",
    "insert into ",
    "update ",
    "delete from ",
    "alter table ",
    "create index ",
    "drop table ",
];
const LOOPS: [&str; 4] = ["for ", "for(", "while ", "while("];
/// Words before a parenthesis that call nothing.
const NO_CALLS: [&str; 10] = [
    "if", "for", "while", "switch", "match", "func", "function", "fn", "def", "return",
];
/// Endings of files that hold settings: a line there is a name and its value.
const SETTINGS: [&str; 9] = [
    ".yaml",
    ".yml",
    ".toml",
    ".ini",
    ".env",
    ".conf",
    ".properties",
    ".json",
    ".cfg",
];

/// The most that a diff does. `None` where it isn't known.
pub fn behaviour(diff: &str, files: &[String]) -> Option<Behaviour> {
    if diff.trim().is_empty() {
        return None;
    }
    let settings = !files.is_empty()
        && files
            .iter()
            .all(|file| SETTINGS.iter().any(|ending| file.ends_with(ending)));
    let hunks = hunks(diff);
    let called_before: BTreeSet<String> = hunks
        .iter()
        .flat_map(|hunk| hunk.removed())
        .flat_map(calls)
        .collect();
    let stated_before = hunks.iter().flat_map(Hunk::removed).any(is_statement);
    let known = |line: &str| stated_before || !is_statement(line);
    let new_statement = !hunks.iter().flat_map(Hunk::added).all(known);
    let mut deeds = vec![if new_statement { NEW_STATEMENT } else { MOVES }];
    for hunk in &hunks {
        deeds.extend(hunk.values(settings));
        deeds.extend(hunk.losses());
        deeds.extend(hunk.loops(&called_before));
    }
    most(deeds)
}

fn most(deeds: impl IntoIterator<Item = Behaviour>) -> Option<Behaviour> {
    deeds.into_iter().max_by(|a, b| a.share.total_cmp(&b.share))
}

/// A stretch of a diff: each line with its sign.
#[derive(Default)]
struct Hunk<'a> {
    lines: Vec<(char, &'a str)>,
}

fn hunks(diff: &str) -> Vec<Hunk<'_>> {
    let mut found = vec![Hunk::default()];
    for line in diff.lines().take(MAX_LINES) {
        let Some(sign) = line.chars().next() else {
            continue;
        };
        let text = &line[sign.len_utf8()..];
        match sign {
            '@' => found.push(Hunk::default()),
            // Names of files.
            '-' | '+' if line.starts_with("---") || line.starts_with("+++") => {}
            '-' | '+' | ' ' if !is_comment(text) => {
                if let Some(hunk) = found.last_mut() {
                    hunk.lines.push((sign, text));
                }
            }
            _ => {}
        }
    }
    found
}

impl Hunk<'_> {
    fn signed(&self, wanted: char) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter();
        lines.filter_map(move |(sign, text)| (*sign == wanted).then_some(*text))
    }

    fn removed(&self) -> impl Iterator<Item = &str> {
        self.signed('-')
    }

    fn added(&self) -> impl Iterator<Item = &str> {
        self.signed('+')
    }

    /// Values that differ in lines that are otherwise the same.
    fn values(&self, settings: bool) -> Option<Behaviour> {
        let mut deeds = Vec::new();
        let after: Vec<Line> = self.added().map(Line::new).collect();
        for before in self.removed().map(Line::new) {
            // Moved as it is.
            if after.iter().any(|line| line.same(&before)) {
                continue;
            }
            let nearest = after
                .iter()
                .map(|line| (line.likeness(&before), line))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((likeness, line)) = nearest
                && (likeness >= SAME_LINE || settings && line.key() == before.key())
            {
                deeds.extend(before.differs(line, settings));
            }
        }
        most(deeds)
    }

    /// Guards and calls that are gone, with nothing in their place.
    fn losses(&self) -> Option<Behaviour> {
        let guards = |lines: &mut dyn Iterator<Item = &str>| {
            let mut count: BTreeMap<&str, usize> = BTreeMap::new();
            for line in lines {
                for word in Line::new(line).parts() {
                    if let Some(guard) = GUARDS.iter().find(|guard| **guard == word) {
                        *count.entry(guard).or_default() += 1;
                    }
                }
            }
            count
        };
        let after = guards(&mut self.added());
        let lost = guards(&mut self.removed())
            .iter()
            .any(|(guard, count)| after.get(guard).copied().unwrap_or(0) < *count);
        let called: BTreeSet<String> = self.removed().flat_map(calls).collect();
        let calling: BTreeSet<String> = self.added().flat_map(calls).collect();
        // A call that wasn't there may hold all that is gone.
        if !calling.is_subset(&called) {
            return None;
        }
        if called.difference(&calling).next().is_some() {
            Some(UNCALLED)
        } else {
            lost.then_some(UNGUARDED)
        }
    }

    /// New calls within loops.
    fn loops(&self, called_before: &BTreeSet<String>) -> Option<Behaviour> {
        let mut inside: Option<usize> = None;
        for (sign, line) in &self.lines {
            if *sign == '-' {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if inside.is_some_and(|depth| indent <= depth) {
                inside = None;
            }
            let new_call =
                *sign == '+' && calls(line).iter().any(|call| !called_before.contains(call));
            if inside.is_some() && new_call && !is_builtin(line) {
                return Some(WORK_IN_LOOP);
            }
            if LOOPS.iter().any(|word| line.trim_start().starts_with(word)) {
                inside = inside.or(Some(indent));
            }
        }
        None
    }
}

/// A line's words and values.
struct Line {
    names: Vec<String>,
    numbers: Vec<String>,
    quoted: Vec<String>,
    comparisons: Vec<String>,
    bare: String,
}

impl Line {
    fn new(text: &str) -> Self {
        let mut line = Self {
            names: Vec::new(),
            numbers: Vec::new(),
            quoted: Vec::new(),
            comparisons: Vec::new(),
            bare: text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = match first {
                '"' | '\'' | '`' => {
                    let inner = &rest[1..];
                    let length = inner.find(first).unwrap_or(inner.len());
                    line.quoted.push(inner[..length].to_owned());
                    (length + 2).min(rest.len())
                }
                // `v1.2` is a number too.
                c if (c.is_alphabetic() || c == '_') && !starts_version(rest) => {
                    let end = rest
                        .find(|c: char| !c.is_alphanumeric() && c != '_')
                        .unwrap_or(rest.len());
                    line.names.push(rest[..end].to_owned());
                    end
                }
                c if c.is_ascii_digit() || c == 'v' => {
                    let end = rest
                        .find(|c: char| !c.is_alphanumeric() && c != '.')
                        .unwrap_or(rest.len());
                    line.numbers.push(rest[..end].to_owned());
                    end
                }
                '<' | '>' | '=' | '!' => {
                    let end = rest
                        .find(|c: char| !matches!(c, '<' | '>' | '=' | '!'))
                        .unwrap_or(rest.len());
                    line.comparisons.push(rest[..end].to_owned());
                    end
                }
                c => c.len_utf8(),
            };
            rest = &rest[end..];
        }
        line
    }

    /// Without regard to space.
    fn same(&self, other: &Self) -> bool {
        let squeeze = |text: &str| text.replace(' ', "");
        squeeze(&self.bare) == squeeze(&other.bare)
    }

    /// Dice's coefficient of the names.
    fn likeness(&self, other: &Self) -> f64 {
        let ours: BTreeSet<&String> = self.names.iter().collect();
        let theirs: BTreeSet<&String> = other.names.iter().collect();
        if ours.is_empty() && theirs.is_empty() {
            return 0.0;
        }
        2.0 * ours.intersection(&theirs).count() as f64 / (ours.len() + theirs.len()) as f64
    }

    /// The name that a setting's line begins with.
    fn key(&self) -> Option<&str> {
        let end = self.bare.find([':', '='])?;
        Some(self.bare[..end].trim())
    }

    fn parts(&self) -> Vec<String> {
        let names = self.names.iter();
        names
            .flat_map(|name| name.split('_').map(str::to_lowercase).collect::<Vec<_>>())
            .collect()
    }

    fn differs(&self, after: &Self, settings: bool) -> Option<Behaviour> {
        let replaced = |ours: &[String], theirs: &[String]| {
            ours.iter().any(|value| !theirs.contains(value))
                && theirs.iter().any(|value| !ours.contains(value))
        };
        if let (Some(before), Some(after)) = (version(&self.bare), version(&after.bare)) {
            let place = before.iter().zip(&after).position(|(a, b)| a != b);
            return place.map(|place| VERSIONS[place]);
        }
        let names = |line: &Self| -> Vec<String> {
            let quoted = line.quoted.iter();
            quoted
                .filter(|text| !text.contains(char::is_whitespace) && !is_color(text))
                .cloned()
                .collect()
        };
        let switched = |line: &Self, word: &str| line.names.iter().any(|name| name == word);
        let flipped = ["true", "false", "True", "False"]
            .iter()
            .any(|word| switched(self, word) && !switched(after, word));
        if replaced(&self.numbers, &after.numbers)
            || flipped
            || replaced(&self.comparisons, &after.comparisons)
            || (settings && replaced(&self.names, &after.names))
        {
            Some(ANOTHER_VALUE)
        } else {
            replaced(&names(self), &names(after)).then_some(ANOTHER_NAME)
        }
    }
}

/// Names before an opening parenthesis.
fn calls(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, _) in line.match_indices('(') {
        let before = &line[..place];
        let start = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        let name = &before[start..];
        if !name.is_empty() && !NO_CALLS.contains(&name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// Gathering, which costs no more than the loop itself.
fn is_builtin(line: &str) -> bool {
    const GATHER: [&str; 8] = [
        "append", "push", "add", "len", "make", "insert", "extend", "put",
    ];
    calls(line)
        .iter()
        .all(|call| GATHER.contains(&call.as_str()))
}

fn is_statement(line: &str) -> bool {
    let text = line.to_lowercase();
    let quoted = text.contains(['"', '\'', '`']);
    quoted && STATEMENTS.iter().any(|word| text.contains(word))
}

/// Whether a line of code says something to people only.
pub fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    ["//", "#", "--", "/*", "* ", "<!--"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))
}

fn starts_version(text: &str) -> bool {
    let digits = text.strip_prefix('v');
    digits.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
}

/// The parts of a version with three numbers, such as `v1.31.0`.
fn version(line: &str) -> Option<[u64; 3]> {
    line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '@' | '^' | '~' | ','))
        .rev()
        .find_map(|word| {
            let mut parts = word.trim_start_matches('v').splitn(3, '.');
            let mut number = || parts.next()?.parse::<u64>().ok();
            let (major, minor) = (number()?, number()?);
            let last = parts.next()?;
            let digits = last
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(last.len());
            Some([major, minor, last[..digits].parse().ok()?])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(diff: &str) -> Behaviour {
        behaviour(diff, &["src/main.go".into()]).expect("a diff")
    }

    #[test]
    fn without_a_diff_nothing_is_said() {
        assert_eq!(behaviour(" \n", &[]), None);
    }

    #[test]
    fn lines_that_move_do_nothing() {
        let moved = "@@\n-\tf, err := open(path)\n-\tf.write(line)\n+\treturn writeLine(path, line)\n+}\n+\n+func writeLine(path string) {\n+\tf, err := open(path)\n+\tf.write(line)";
        assert_eq!(of(moved), MOVES);
        let reworded =
            "-  fail(500, name + \" not found\");\n+  fail(500, name + \" is not there\");";
        assert_eq!(of(reworded), MOVES);
    }

    #[test]
    fn a_guard_or_a_call_fewer_is_felt() {
        assert_eq!(of("-\tmu sync.Mutex\n \tcounts int"), UNGUARDED);
        assert_eq!(
            of("-\tif r.status == nil {\n-\t\treturn \"\"\n-\t}\n \treturn r.status"),
            UNGUARDED
        );
        assert_eq!(of(" start()\n-registerAll(registry);\n warm()"), UNCALLED);
        assert_eq!(of("-register(a)\n+register(b)"), MOVES);
    }

    #[test]
    fn another_value_in_the_same_line_is_felt() {
        assert_eq!(
            of(
                "-ctx, cancel := WithTimeout(ctx, 5*time.Second)\n+callCtx, cancel := WithTimeout(ctx, 300*time.Millisecond)"
            ),
            ANOTHER_VALUE
        );
        assert_eq!(
            of("-if count > limit {\n+if count >= limit {"),
            ANOTHER_VALUE
        );
        assert_eq!(
            of(
                "-\t\"title\": map[string]any{\"type\": \"text\"},\n+\t\"name\": map[string]any{\"type\": \"text\"},"
            ),
            ANOTHER_NAME
        );
        let level = " logging:\n-  level: info\n+  level: debug";
        assert_eq!(
            behaviour(level, &["agent.yaml".into()]),
            Some(ANOTHER_VALUE)
        );
        let spaced = "-smtp: mail.example:25\n+smtp:   mail.example:25\n+other: x";
        assert_eq!(behaviour(spaced, &["agent.yaml".into()]), Some(MOVES));
    }

    #[test]
    fn versions_weigh_by_the_part_that_differs() {
        assert_eq!(of("-\tlib v1.2.3\n+\tlib v2.0.0"), VERSIONS[0]);
        assert_eq!(of("-\tlib v1.2.3\n+\tlib v1.4.0"), VERSIONS[1]);
        assert_eq!(of("-\tlib v1.2.3\n+\tlib v1.2.4"), VERSIONS[2]);
    }

    #[test]
    fn work_in_a_loop_and_new_statements_are_felt() {
        let looped = " order := new()\n+for _, item := range items {\n+\tfull, err := catalog.GetItem(item)\n+}";
        assert_eq!(of(looped), WORK_IN_LOOP);
        let gathers = "+for _, item := range items {\n+\tout = append(out, item)\n+}";
        assert_eq!(of(gathers), MOVES);
        assert_eq!(of("+rows := query(\"SELECT * FROM items\")"), NEW_STATEMENT);
    }
}
