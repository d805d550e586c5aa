//! Literals: values of every type, and the texts that functions want.

use super::Grammar;
use super::world::Type;

const WORDS: [&str; 22] = [
    "",
    " ",
    "a",
    "b",
    "ab",
    "abc",
    "A B",
    "a,b;c",
    "Ünï",
    "🚀x",
    "12",
    "-3",
    "1.5",
    "true",
    "x-y-z",
    "10.0.0.1",
    "::1",
    "1.2.3",
    "2024-01-01",
    "2024-02-29T12:00:00.123Z",
    "a.b*c",
    "foo bar baz",
];
const INTEGERS: [&str; 12] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "7",
    "10",
    "-1",
    "-4",
    "100",
    "2147483647",
    "42",
];
const LONGS: [&str; 6] = [
    "2147483648",
    "9223372036854775807",
    "-9223372036854775807",
    "3000000000",
    "1700000000000",
    "-5000000000",
];
const DOUBLES: [&str; 11] = [
    "0.0", "1.0", "1.5", "-2.5", "0.1", "1e10", "1.5e-3", "100.25", "-0.5", "3.14159", "1e300",
];
const DATES: [&str; 8] = [
    "2024-01-01T00:00:00.000Z",
    "2024-02-29T12:34:56.789Z",
    "2023-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00.000Z",
    "1969-07-20T20:17:40.000Z",
    "2026-03-14T10:15:00.000Z",
    "2024-05-15",
    "2000-01-01",
];
const NANOS: [&str; 4] = [
    "2024-01-01T00:00:00.123456789Z",
    "2024-02-29T12:34:56.000000001Z",
    "1970-01-01T00:00:00.000000000Z",
    "2026-03-14T10:15:00.5Z",
];
const IPS: [&str; 7] = [
    "10.0.0.1",
    "127.0.0.1",
    "::1",
    "192.168.1.250",
    "fe80::1ff:fe23:4567:890a",
    "::ffff:1.2.3.4",
    "0.0.0.0",
];
const VERSIONS: [&str; 7] = [
    "1.2.3",
    "1.10.0",
    "1.2.3-alpha",
    "2.0.0-rc.1+build",
    "0.0.1",
    "1.2",
    "not a version",
];

/// Words in braces of [`super::functions`].
const WANTED: [(&str, &[&str]); 21] = [
    ("{decimals}", &["0", "1", "2", "-1", "10"]),
    ("{numbers}", &["1, 2.5, 7", "0, 10, 100", "5"]),
    ("{small}", &["0", "1", "2", "3"]),
    ("{position}", &["1", "2", "-2", "0", "10"]),
    ("{position0}", &["0", "1", "2", "-1"]),
    (
        "{algorithm}",
        &[
            "\"md5\"",
            "\"SHA-256\"",
            "\"sha1\"",
            "\"SHA-512\"",
            "\"nope\"",
        ],
    ),
    (
        "{regex}",
        &[
            "\"a\"",
            "\"[0-9]+\"",
            "\"\\\\.\"",
            "\"(.)\"",
            "\"\\\\s+\"",
            "\"x|y\"",
            "\"[\"",
        ],
    ),
    (
        "{separator}",
        &["\",\"", "\"-\"", "\" \"", "\";\"", "\"\"", "\".\""],
    ),
    (
        "{unit}",
        &[
            "\"year\"",
            "\"months\"",
            "\"day\"",
            "\"hours\"",
            "\"minutes\"",
            "\"seconds\"",
            "\"millisecond\"",
            "\"week\"",
            "\"quarter\"",
            "\"dd\"",
            "\"nope\"",
        ],
    ),
    (
        "{chrono}",
        &[
            "\"year\"",
            "\"MONTH_OF_YEAR\"",
            "\"day_of_week\"",
            "\"hour_of_day\"",
            "\"minute_of_hour\"",
            "\"day_of_year\"",
            "\"epoch_day\"",
            "\"nano_of_second\"",
            "\"ALIGNED_WEEK_OF_YEAR\"",
            "\"era\"",
            "\"nope\"",
        ],
    ),
    (
        "{format}",
        &[
            "\"yyyy-MM-dd\"",
            "\"yyyy\"",
            "\"HH:mm:ss.SSS\"",
            "\"e EEE\"",
            "\"yyyy-MM-dd'T'HH:mm:ss\"",
            "\"D w\"",
            "\"MMM d, yyyy\"",
            "\"epoch_millis\"",
            "\"Q\"",
            "\"uuuu\"",
        ],
    ),
    (
        "{span}",
        &[
            "1 day",
            "1 hour",
            "1 month",
            "1 year",
            "1 week",
            "1 quarter",
            "15 minutes",
            "30 seconds",
            "3 months",
            "2 weeks",
            "10 days",
            "5 years",
            "\"1 day\"",
            "100 milliseconds",
        ],
    ),
    (
        "{network}",
        &[
            "\"10.0.0.0/8\"",
            "\"127.0.0.1/32\"",
            "\"::/0\"",
            "\"192.168.0.0/16\"",
            "\"fe80::/10\"",
            "\"10.0.0.1\"",
            "\"nope\"",
        ],
    ),
    ("{prefix4}", &["8", "24", "32", "0", "33"]),
    ("{prefix6}", &["64", "128", "0", "10"]),
    ("{percentile}", &["50", "90", "95.5", "0", "100", "12"]),
    ("{power}", &["1", "2.0", "0.5", "0"]),
    ("{direction}", &["\"asc\"", "\"DESC\"", "\"up\""]),
    ("{order}", &["\"asc\"", "\"desc\"", "\"ASC\"", "\"up\""]),
    ("{count}", &["1", "2", "3", "10", "0"]),
    ("{precision}", &["3000", "100", "40000"]),
];

pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Grammar<'_> {
    /// A literal that a function wants as text.
    pub(super) fn wanted(&mut self, word: &str) -> String {
        let found = WANTED.iter().find(|(name, _)| *name == word);
        let texts = found.map_or(&["*"][..], |(_, texts)| *texts);
        (*self.choices.pick(texts)).to_owned()
    }

    /// One value of a type.
    pub(super) fn literal(&mut self, of: Type) -> String {
        if self.choices.percent(5) {
            return "null".to_owned();
        }
        let text = self.plain(of);
        let may_be_many = !matches!(
            of,
            Type::Date | Type::Nanos | Type::Ip | Type::Version | Type::Unsigned
        );
        // A list holds plain literals.
        let may_be_many = may_be_many && !text.contains("::");
        if may_be_many && self.choices.percent(8) {
            let of = if of == Type::Long { Type::Integer } else { of };
            let more: Vec<String> = (0..=self.choices.below(2))
                .map(|_| self.plain(of))
                .collect();
            return format!("[{text}, {}]", more.join(", "));
        }
        text
    }

    fn plain(&mut self, of: Type) -> String {
        let pick = |grammar: &mut Self, texts: &[&str]| (*grammar.choices.pick(texts)).to_owned();
        match of {
            Type::Keyword | Type::Text => quoted(&pick(self, &WORDS)),
            Type::Integer => pick(self, &INTEGERS),
            Type::Long if self.choices.percent(50) => format!("{}::long", pick(self, &INTEGERS)),
            Type::Long => pick(self, &LONGS),
            Type::Unsigned => format!(
                "TO_UNSIGNED_LONG({})",
                pick(self, &["1", "0", "18446744073709551615", "77"])
            ),
            Type::Double => pick(self, &DOUBLES),
            Type::Boolean => pick(self, &["true", "false"]),
            Type::Date => format!("\"{}\"::datetime", pick(self, &DATES)),
            Type::Nanos => format!("\"{}\"::date_nanos", pick(self, &NANOS)),
            Type::Ip => format!("\"{}\"::ip", pick(self, &IPS)),
            Type::Version => format!("\"{}\"::version", pick(self, &VERSIONS)),
            Type::Unsupported => "null".to_owned(),
        }
    }

    /// A text that a column of the type is compared with: as it stands in a document.
    pub(super) fn compared(&mut self, of: Type, samples: &[String]) -> String {
        let as_text = matches!(of, Type::Date | Type::Nanos | Type::Ip | Type::Version);
        if samples.is_empty() || self.choices.percent(20) {
            let literal = self.plain(of);
            let bare = literal.split("::").next().unwrap_or_default();
            // An address has colons itself.
            let whole = bare.ends_with('"') && bare.len() > 1;
            return if as_text && whole {
                bare.to_owned()
            } else {
                literal
            };
        }
        self.choices.pick(samples).clone()
    }
}
