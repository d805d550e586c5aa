//! Secrets known by their shape, wherever they stand: prefixes that their makers publish, PEM
//! blocks, JSON Web Tokens, passwords in URLs.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use super::Found;

/// A shape: what a text must hold for it to be looked for, in any case of letters; the pattern,
/// whose group `s` (or else the whole) is the secret; and what it is.
struct Shape {
    hints: &'static [&'static str],
    pattern: &'static str,
    what: &'static str,
}

const SHAPES: &[Shape] = &[
    Shape {
        hints: &["eyj"],
        pattern: r"\beyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]{2,}(?:\.[A-Za-z0-9_\-]*){0,3}",
        what: "token",
    },
    Shape {
        // The user's part is shown, the password isn't; a password may hold anything but `/`, `@`, space.
        hints: &["://"],
        pattern: r"(?i)\b[a-z][a-z0-9+.\-]{1,30}://[^\s/@:'\x22]*:(?P<s>[^\s/@'\x22]+)@",
        what: "password",
    },
    Shape {
        hints: &["akia", "asia", "abia", "acca"],
        pattern: r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        what: "AWS key",
    },
    Shape {
        hints: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        pattern: r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
        what: "GitHub token",
    },
    Shape {
        hints: &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-", "glft-", "glimt-",
            "glagent-",
        ],
        pattern: r"\bgl(?:pat|dt|rt|cbt|ptt|soat|ft|imt|agent)-[A-Za-z0-9_\-]{16,}",
        what: "GitLab token",
    },
    Shape {
        hints: &["xox", "xapp-", "xwfp-"],
        pattern: r"\b(?:xox[abcdeoprs](?:\.xox[a-z])?|xapp|xwfp)-[A-Za-z0-9\-]{10,}",
        what: "Slack token",
    },
    Shape {
        hints: &["hooks.slack.com", "hooks.slack-gov.com"],
        pattern: r"(?i)hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9/_\-]{8,})",
        what: "Slack webhook",
    },
    Shape {
        hints: &[
            "webhook.office.com",
            "logic.azure.com",
            "discord.com/api/webhooks",
            "discordapp.com/api/webhooks",
        ],
        pattern: r"(?i)(?:webhook\.office\.com|logic\.azure\.com(?::\d+)?|discord(?:app)?\.com/api/webhooks)/(?P<s>[^\s'\x22<>]{8,})",
        what: "webhook",
    },
    Shape {
        hints: &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        pattern: r"\b(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9+/=]{10,}",
        what: "Stripe key",
    },
    Shape {
        hints: &["sk-"],
        pattern: r"\bsk-(?:ant-|proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,}",
        what: "key",
    },
    Shape {
        hints: &["aiza", "ya29.", "gocspx-"],
        pattern: r"\b(?:AIza[A-Za-z0-9_\-]{35}|ya29\.[A-Za-z0-9_\-]{20,}|GOCSPX-[A-Za-z0-9_\-]{20,64})",
        what: "Google key",
    },
    Shape {
        hints: &[
            "npm_",
            "pypi-",
            "rubygems_",
            "dckr_pat_",
            "hvs.",
            "hvb.",
            "dop_v1_",
            "shpat_",
            "hf_",
            "sntrys_",
            "glc_",
            "glsa_",
            "lin_api_",
            "pul-",
            "nrak-",
            "dp_",
        ],
        pattern: r"\b(?:npm_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_\-]{40,}|rubygems_[a-f0-9]{40,64}|dckr_pat_[A-Za-z0-9_\-]{20,64}|hv[sb]\.[A-Za-z0-9_\-]{20,}|do[por]_v1_[a-f0-9]{60,70}|shpat_[a-fA-F0-9]{32}|hf_[A-Za-z0-9]{30,64}|sntrys_[A-Za-z0-9+/=_\-]{30,}|glc_[A-Za-z0-9+/=]{32,}|glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|lin_api_[A-Za-z0-9]{30,64}|pul-[a-f0-9]{40}|NRAK-[A-Z0-9]{27}|dp_[A-Za-z0-9]{4,64}_[A-Za-z0-9_\-]{16,})",
        what: "token",
    },
    Shape {
        hints: &["sg."],
        pattern: r"\bSG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}",
        what: "SendGrid key",
    },
    Shape {
        hints: &["age-secret-key-"],
        pattern: r"(?i)\bAGE-SECRET-KEY-1[a-z0-9]{50,64}",
        what: "private key",
    },
    Shape {
        // Signed URLs: whoever has one may read what it names.
        hints: &["x-amz-signature=", "x-goog-signature=", "sig="],
        pattern: r"(?i)[?&](?:x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|sig)=(?P<s>[A-Za-z0-9%/+=_.\-]{16,})",
        what: "signature",
    },
];

/// How a block of a private key begins (RFC 7468, and PGP's and SSH's own).
const PEM: &str = "-----begin";
/// Bytes of such a block at most: a key of 16,384 bits takes 13,000.
const MAX_PEM: usize = 16 << 10;

static PEM_HEAD: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant pattern")]
    Regex::new(r"(?i)\A-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
        .expect("a constant pattern")
});

/// Names that [`super::named`] looks for, in any case of letters and as they are written.
const NAME_HINTS: &[&str] = &[
    "passphrase",
    "password",
    "passwort",
    "passwd",
    "kennwort",
    "contraseña",
    "pwd",
    "secret",
    "api_key",
    "api-key",
    "apikey",
    "api.key",
    "api key",
    "accesskey",
    "access_key",
    "access-key",
    "privatekey",
    "private_key",
    "private-key",
    "signing",
    "encryption",
    "master",
    "accountkey",
    "account_key",
    "account-key",
    "sharedaccesssignature",
    "credential",
    "authorization",
    "session",
    "cookie",
    "token",
    "jwt",
    "bearer",
    "basic",
];

/// A PEM block of a private key, up to its end, or as far as it goes where the end was cut.
fn pem(text: &str, begin: usize, found: &mut Vec<Found>) -> usize {
    let rest = &text[begin..];
    let Some(head) = PEM_HEAD.find(rest) else {
        return begin + 1;
    };
    let reach = rest.floor_char_boundary(rest.len().min(head.end() + MAX_PEM));
    let body = &rest[head.end()..reach];
    let length = match body.find("-----END") {
        Some(end) => {
            let tail = &body[end + "-----END".len()..];
            end + "-----END".len() + tail.find("-----").map_or(0, |dashes| dashes + 5)
        }
        None => body
            .find(|letter: char| {
                !(letter.is_ascii_alphanumeric()
                    || letter.is_whitespace()
                    || matches!(letter, '+' | '/' | '=' | '\\' | ':'))
            })
            .unwrap_or(body.len()),
    };
    let end = begin + head.end() + length;
    found.push(Found {
        at: begin..end,
        what: "private key",
    });
    end
}

/// What a text holds that makes a closer look worth its time.
#[derive(Debug, Clone, Default)]
pub(super) struct Hints {
    shapes: u64,
    /// Where PEM blocks begin.
    pem: Vec<usize>,
    /// Where the words of names that hold secrets are, by their ends.
    pub names: Vec<Range<usize>>,
}

/// Compiled once.
pub(super) static ALL: LazyLock<Shapes> = LazyLock::new(Shapes::new);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Shape(usize),
    Name,
    Pem,
}

pub(super) struct Shapes {
    /// All hints at once, whatever the letters' case.
    any: AhoCorasick,
    /// By the number of the hint in `any`.
    kinds: Vec<Kind>,
    patterns: Vec<Regex>,
    email: Regex,
}

impl Shapes {
    #[expect(clippy::expect_used, reason = "constant patterns, each run by a test")]
    fn new() -> Self {
        let mut words: Vec<&str> = Vec::new();
        let mut kinds: Vec<Kind> = Vec::new();
        for (number, shape) in SHAPES.iter().enumerate() {
            words.extend(shape.hints);
            kinds.extend(shape.hints.iter().map(|_| Kind::Shape(number)));
        }
        words.extend(NAME_HINTS);
        kinds.extend(NAME_HINTS.iter().map(|_| Kind::Name));
        words.push(PEM);
        kinds.push(Kind::Pem);
        Self {
            any: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(&words)
                .expect("constant words"),
            kinds,
            patterns: SHAPES
                .iter()
                .map(|shape| Regex::new(shape.pattern).expect("a constant pattern"))
                .collect(),
            // Close to RFC 5322's dot-atom, as people write addresses.
            email: Regex::new(
                r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62}\.)+[A-Za-z]{2,24}",
            )
            .expect("a constant pattern"),
        }
    }

    pub(super) fn hints(&self, text: &str) -> Hints {
        let mut hints = Hints::default();
        for hit in self.any.find_overlapping_iter(text) {
            match self.kinds[hit.pattern().as_usize()] {
                Kind::Shape(shape) => hints.shapes |= 1 << shape,
                Kind::Name => hints.names.push(hit.range()),
                Kind::Pem => hints.pem.push(hit.start()),
            }
        }
        hints
    }

    pub(super) fn find(&self, text: &str, hints: &Hints, found: &mut Vec<Found>) {
        let mut done = 0;
        for begin in &hints.pem {
            if *begin >= done {
                done = pem(text, *begin, found);
            }
        }
        if hints.shapes == 0 {
            return;
        }
        for (number, pattern) in self.patterns.iter().enumerate() {
            if hints.shapes & (1 << number) == 0 {
                continue;
            }
            let what = SHAPES[number].what;
            found.extend(pattern.captures_iter(text).filter_map(|hit| {
                let part = hit.name("s").or_else(|| hit.get(0))?;
                Some(Found {
                    at: part.range(),
                    what,
                })
            }));
        }
    }

    pub(super) fn emails(&self, text: &str, found: &mut Vec<Found>) {
        found.extend(self.email.find_iter(text).map(|hit| Found {
            at: hit.range(),
            what: "e-mail address",
        }));
    }
}
