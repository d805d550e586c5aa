//! What a notice, a silence or an example is held against: `service = "cart"`, in Alertmanager's
//! words.

use std::borrow::Cow;
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Characters of one matcher.
pub const MAX_MATCHER_CHARS: usize = 300;
/// Bytes that one compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// What can be asked of a notice, beside `label.NAME`.
pub const FIELDS: [&str; 9] = [
    "service", "team", "tier", "on_call", "severity", "topic", "rule", "signal", "status",
];
/// What labels begin with.
pub const LABEL: &str = "label.";

/// Whatever says what a field holds.
pub trait Fields {
    /// `None`: nobody says. A field may hold several texts, such as who is on call.
    fn texts(&self, field: &str) -> Vec<Cow<'_, str>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Is,
    IsNot,
    Like,
    Unlike,
}

impl Sign {
    const ALL: [(&'static str, Self); 4] = [
        ("=~", Self::Like),
        ("!~", Self::Unlike),
        ("!=", Self::IsNot),
        ("=", Self::Is),
    ];
}

/// One condition. A field that nobody says anything of is an empty text, as in Alertmanager.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher {
    field: String,
    sign: Sign,
    value: String,
    pattern: Option<Regex>,
}

impl Matcher {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("matcher {text:?}: {why}");
        if text.chars().count() > MAX_MATCHER_CHARS {
            return Err(format!(
                "a matcher has at most {MAX_MATCHER_CHARS} characters"
            ));
        }
        let end = text.find(['=', '!', '~']);
        let (field, rest) = text.split_at(end.ok_or_else(|| {
            wrong("expected FIELD = \"VALUE\", or !=, =~, !~ instead of =".to_owned())
        })?);
        let field = field.trim();
        let known = FIELDS.contains(&field)
            || field
                .strip_prefix(LABEL)
                .is_some_and(|name| !name.is_empty());
        if !known {
            let fields = FIELDS.join(", ");
            return Err(wrong(format!(
                "there is no field {field:?}: {fields}, {LABEL}NAME"
            )));
        }
        let found = Sign::ALL
            .into_iter()
            .find_map(|(sign, is)| Some((is, rest.strip_prefix(sign)?)));
        let (sign, value) = found.ok_or_else(|| wrong("expected =, !=, =~ or !~".to_owned()))?;
        let value = value.trim();
        let value = match value.starts_with('"') {
            true => serde_json::from_str(value)
                .map_err(|_| wrong(format!("expected a text in quotes, got {value}")))?,
            false => value.to_owned(),
        };
        let pattern = match sign {
            Sign::Like | Sign::Unlike => Some(
                RegexBuilder::new(&format!("^(?:{value})$"))
                    .size_limit(MAX_PATTERN_BYTES)
                    .build()
                    .map_err(|_| wrong(format!("{value:?} is no pattern")))?,
            ),
            Sign::Is | Sign::IsNot => None,
        };
        Ok(Self {
            field: field.to_owned(),
            sign,
            value,
            pattern,
        })
    }

    pub fn field(&self) -> &str {
        &self.field
    }

    /// The one value that it asks for, where it asks for one.
    pub fn exactly(&self) -> Option<&str> {
        (self.sign == Sign::Is && !self.value.is_empty()).then_some(self.value.as_str())
    }

    pub fn matches(&self, of: &impl Fields) -> bool {
        let texts = of.texts(&self.field);
        let any = |holds: &dyn Fn(&str) -> bool| match texts.is_empty() {
            true => holds(""),
            false => texts.iter().any(|text| holds(text)),
        };
        match (self.sign, &self.pattern) {
            (Sign::Is, _) => any(&|text| text == self.value),
            (Sign::IsNot, _) => !any(&|text| text == self.value),
            (Sign::Like, pattern) => any(&|text| is_like(pattern.as_ref(), text)),
            (Sign::Unlike, pattern) => !any(&|text| is_like(pattern.as_ref(), text)),
        }
    }

    /// Whether it holds of a field that nobody says anything of.
    pub fn matches_nothing(&self) -> bool {
        match self.sign {
            Sign::Is => self.value.is_empty(),
            Sign::IsNot => !self.value.is_empty(),
            Sign::Like => is_like(self.pattern.as_ref(), ""),
            Sign::Unlike => !is_like(self.pattern.as_ref(), ""),
        }
    }
}

fn is_like(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_some_and(|pattern| pattern.is_match(text))
}

/// The one service that conditions ask for, where they ask for one: by it they are found.
pub fn service_of(matchers: &[Matcher]) -> Option<&str> {
    let mut of_service = matchers.iter().filter(|one| one.field() == "service");
    of_service.find_map(Matcher::exactly)
}

/// All of them hold.
pub fn all_match(matchers: &[Matcher], of: &impl Fields) -> bool {
    matchers.iter().all(|matcher| matcher.matches(of))
}

impl fmt::Display for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Sign::ALL.into_iter().find(|(_, is)| *is == self.sign);
        let sign = sign.map_or("=", |(text, _)| text);
        let value = serde_json::Value::from(self.value.as_str());
        write!(out, "{} {sign} {value}", self.field)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.field, self.sign, &self.value) == (&other.field, other.sign, &other.value)
    }
}

impl Eq for Matcher {}

impl TryFrom<String> for Matcher {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

impl utoipa::PartialSchema for Matcher {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .examples([serde_json::json!("service = \"cart\"")])
            .max_length(Some(MAX_MATCHER_CHARS))
            .into()
    }
}

impl utoipa::ToSchema for Matcher {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cart;

    impl Fields for Cart {
        fn texts(&self, field: &str) -> Vec<Cow<'_, str>> {
            match field {
                "service" => vec!["cart".into()],
                "on_call" => vec!["ada".into(), "bob".into()],
                _ => Vec::new(),
            }
        }
    }

    fn holds(text: &str) -> bool {
        Matcher::parse(text).expect("readable").matches(&Cart)
    }

    #[test]
    fn as_alertmanager_reads_them() {
        assert!(holds("service = cart") && holds("service=\"cart\""));
        assert!(!holds("service = car"));
        assert!(
            holds("service =~ \"ca.*\"") && !holds("service =~ ca"),
            "the whole text"
        );
        assert!(holds("service != \"pay\"") && holds("service !~ \"pay|web\""));
        assert!(
            holds("team = \"\"") && holds("team != payments"),
            "nobody says"
        );
        assert!(holds("on_call = bob") && !holds("on_call != ada"));
        assert!(holds("label.region !~ \"eu-.*\""));
    }

    #[test]
    fn what_cant_be_read_says_why() {
        let fails = |text: &str| Matcher::parse(text).expect_err("unreadable");
        assert!(fails("region = eu").contains("there is no field \"region\""));
        assert!(fails("service").contains("expected FIELD"));
        assert!(fails("service =~ \"(\"").contains("is no pattern"));
        assert!(fails("service = \"cart").contains("in quotes"));
        assert!(fails(&format!("service = {}", "a".repeat(MAX_MATCHER_CHARS))).contains("at most"));
    }

    #[test]
    fn it_is_printed_as_it_is_read() {
        for text in ["service = \"a \\\"b\"", "rule =~ \"x|y\"", "team != \"\""] {
            let matcher = Matcher::parse(text).expect("readable");
            assert_eq!(matcher.to_string(), text);
            assert_eq!(Matcher::parse(&matcher.to_string()), Ok(matcher));
        }
        let nothing = |text: &str| Matcher::parse(text).expect("readable").matches_nothing();
        assert!(nothing("service =~ \".*\"") && nothing("service != a"));
        assert!(!nothing("service = a"));
    }
}
