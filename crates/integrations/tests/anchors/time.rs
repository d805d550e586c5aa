//! OpenSSL as an authority of time: each question is answered by `openssl ts -reply`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use integrations::Error;
use integrations::anchors::{Roots, Stamped, TimeStamp};
use model::Timestamp;

const LINE: &[u8] = b"{\"anchor\":{\"number\":1}}";
const POLICY: &str = "1.3.6.1.4.1.99999.1";

/// Keys, certificates and an authority's settings, made anew by OpenSSL.
struct Authority {
    folder: tempfile::TempDir,
}

/// How the signer's key is made, and whom its certificate is for.
#[derive(Clone, Copy)]
enum Key {
    Rsa,
    P256,
    P384,
}

const SETTINGS: &str = "
[tsa]
default_tsa = here
[here]
serial = FOLDER/serial
signer_cert = FOLDER/signer.pem
certs = FOLDER/chain.pem
signer_key = FOLDER/signer.key
signer_digest = DIGEST
default_policy = 1.3.6.1.4.1.99999.9
other_policies = 1.3.6.1.4.1.99999.1
digests = ACCEPTED
accuracy = secs:1
ess_cert_id_alg = NAMED
[keeper]
database = FOLDER/index
serial = FOLDER/numbers
policy = any
default_md = sha256
[any]
commonName = supplied
[stamps]
extendedKeyUsage = critical,timeStamping
[web]
extendedKeyUsage = serverAuth
[several]
extendedKeyUsage = critical,timeStamping,serverAuth
[uncritical]
extendedKeyUsage = timeStamping
[between]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
";

impl Authority {
    /// `None` where there is no OpenSSL.
    fn new(key: Key, digest: &str, named: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("skipped: there is no openssl here");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        let text = SETTINGS
            .replace("FOLDER", &path)
            .replace("DIGEST", digest)
            .replace("NAMED", named)
            .replace("ACCEPTED", "sha256");
        std::fs::write(folder.path().join("settings"), text).expect("written");
        std::fs::write(folder.path().join("serial"), "01\n").expect("written");
        std::fs::write(folder.path().join("index"), "").expect("written");
        let authority = Self { folder };
        authority.root("root");
        authority.certificate("between", "between", "root", Key::P256);
        authority.certificate("signer", "stamps", "between", key);
        std::fs::copy(authority.at("between.pem"), authority.at("chain.pem")).expect("copied");
        Some(authority)
    }

    fn at(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn root(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }

    fn certificate(&self, name: &str, section: &str, by: &str, key: Key) {
        let key = match key {
            Key::Rsa => "rsa:2048",
            Key::P256 => "ec -pkeyopt ec_paramgen_curve:P-256",
            Key::P384 => "ec -pkeyopt ec_paramgen_curve:P-384",
        };
        self.openssl(&format!(
            "req -newkey {key} -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days 20 -extfile settings -extensions {section} -out {name}.pem"
        ));
    }

    fn openssl(&self, arguments: &str) {
        openssl(self.folder.path(), arguments);
    }

    fn roots(&self) -> Roots {
        Roots::from_pem(&std::fs::read(self.at("root.pem")).expect("read")).expect("a root")
    }

    /// Serves what `answer` makes of a question.
    async fn serve(&self, answer: Answer) -> TimeStamp {
        let state = (self.folder.path().to_owned(), answer);
        let router = Router::new().fallback(reply).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/tsa", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        TimeStamp::new("authority", &url, Some(POLICY), self.roots()).expect("an authority")
    }

    /// A token over this content, signed with this key: what `openssl ts` itself refuses to make.
    fn signed(&self, content: &[u8], by: &str, options: &str) -> Vec<u8> {
        std::fs::write(self.at("content"), content).expect("written");
        self.openssl(&format!(
            "cms -sign -binary -nodetach -md sha256 -in content -outform DER -out made -certfile between.pem -signer {by}.pem -inkey {by}.key -econtent_type 1.2.840.113549.1.9.16.1.4 {options}"
        ));
        std::fs::read(self.at("made")).expect("read")
    }

    /// The `TSTInfo` in a token.
    fn content(&self, token: &[u8]) -> Vec<u8> {
        std::fs::write(self.at("token"), token).expect("written");
        self.openssl("cms -verify -noverify -binary -inform DER -in token -out content");
        std::fs::read(self.at("content")).expect("read")
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl is there");
    let says = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments}: {says}");
}

/// What becomes of OpenSSL's answer.
type Answer = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

fn honest() -> Answer {
    Arc::new(|answer| answer)
}

async fn reply(
    State((folder, answer)): State<(PathBuf, Answer)>,
    question: Bytes,
) -> (StatusCode, Vec<u8>) {
    std::fs::write(folder.join("question"), question).expect("written");
    openssl(
        &folder,
        "ts -reply -config settings -queryfile question -out answer",
    );
    let made = std::fs::read(folder.join("answer")).expect("read");
    (StatusCode::OK, answer(made))
}

/// A certificate for tests that never come to its use.
pub fn a_root() -> Vec<u8> {
    b"-----BEGIN CERTIFICATE-----
MIIBjDCCATOgAwIBAgIUeUrIdmh0oU7pZOibdDBKWR5nppUwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQYSByb290IGZvciB0ZXN0czAgFw0yNjExMjcwNjM1MjNaGA8y
MTI2MTEwMzA2MzUyM1owGzEZMBcGA1UEAwwQYSByb290IGZvciB0ZXN0czBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABBmKIzTlkAAe6PsM7HVEL7vNiwEx5yI571/3
4MHXvc1QQG8ZaWKX4bh/N5HqwrqwrI1FCfwvWnuZQf+EDj0Z6NijUzBRMB0GA1Ud
DgQWBBSClCUUpr2vXF2GVypzlLErBDunATAfBgNVHSMEGDAWgBSClCUUpr2vXF2G
VypzlLErBDunATAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCID5n
RBFJLmnti+uDTMtMsXMsdl7PajNYsLfVqe0DvCHNAiBjDxKXP+Jw3uz2KB1LbyLy
GyJJBj0q9EJzgzlxD9Mp1g==
-----END CERTIFICATE-----
"
    .to_vec()
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64
}

/// `20261127062519Z`
fn general(at: Timestamp) -> String {
    at.to_string()[..19].replace(['-', ':', 'T'], "") + "Z"
}

/// A `TSTInfo` with another time in the place of this one, or of one some seconds after it.
fn moved(content: &[u8], from: Timestamp, to: Timestamp) -> Vec<u8> {
    let day = &general(from)[..8];
    let place = content
        .windows(8)
        .position(|bytes| bytes == day.as_bytes())
        .expect("a time");
    let mut content = content.to_vec();
    content[place..place + 15].copy_from_slice(general(to).as_bytes());
    content
}

/// `SEQUENCE { SEQUENCE { INTEGER 0 }, token }`: an answer that grants.
fn granting(token: &[u8]) -> Vec<u8> {
    let mut answer = vec![0x30, 0x82];
    answer.extend(((token.len() + 5) as u16).to_be_bytes());
    answer.extend([0x30, 0x03, 0x02, 0x01, 0x00]);
    answer.extend(token);
    answer
}

fn why(result: Result<impl std::fmt::Debug, Error>) -> String {
    match result {
        Err(Error::Refused(why)) => why,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_line_is_stamped_and_its_time_is_proven_by_each_kind_of_key() {
    for (key, digest, named) in [
        (Key::Rsa, "sha256", "sha256"),
        (Key::Rsa, "sha512", "sha1"),
        (Key::P256, "sha256", "sha384"),
        (Key::P384, "sha384", "sha512"),
    ] {
        let Some(authority) = Authority::new(key, digest, named) else {
            return;
        };
        let before = now_ms();
        let token = authority.serve(honest()).await.stamp(LINE).await;
        let token = token.expect("stamps");
        let at = TimeStamp::verify(LINE, &token, &authority.roots()).expect("proves");
        // OpenSSL stamps whole seconds.
        assert!((before - 1_000..=now_ms()).contains(&at.ms()), "{at}");

        std::fs::write(authority.at("line"), LINE).expect("written");
        std::fs::write(authority.at("token"), &token).expect("written");
        authority.openssl(
            "ts -verify -data line -in token -token_in -CAfile root.pem -untrusted chain.pem",
        );

        let kept = serde_json::to_string(&Stamped::new(1, &token)).expect("JSON");
        let kept: Stamped = serde_json::from_str(&kept).expect("reads");
        assert_eq!(kept.verify(LINE, &authority.roots()), Ok(at));
    }
}

#[tokio::test]
async fn a_token_proves_its_own_line_by_its_own_authority_alone() {
    let Some(authority) = Authority::new(Key::P256, "sha256", "sha256") else {
        return;
    };
    let roots = authority.roots();
    let token = authority.serve(honest()).await.stamp(LINE).await;
    let token = token.expect("stamps");
    let at = TimeStamp::verify(LINE, &token, &roots).expect("proves");
    assert!(why(TimeStamp::verify(b"{}", &token, &roots)).contains("another line"));

    authority.root("other");
    let other = std::fs::read(authority.at("other.pem")).expect("read");
    let other = Roots::from_pem(&other).expect("a root");
    assert!(why(TimeStamp::verify(LINE, &token, &other)).contains("no trusted authority"));

    // Some bits aren't signed, and change nothing that is said.
    let mut unsigned = 0;
    for place in 0..token.len() {
        let mut altered = token.clone();
        altered[place] ^= 0x01;
        match TimeStamp::verify(LINE, &altered, &roots) {
            Ok(same) => {
                assert_eq!(same, at, "byte {place}");
                unsigned += 1;
            }
            Err(error) => assert!(matches!(error, Error::Refused(_)), "byte {place}"),
        }
    }
    assert!(unsigned < 64, "{unsigned} of {} bytes", token.len());
    for end in [0, 1, 30, token.len() / 2, token.len() - 1] {
        assert!(TimeStamp::verify(LINE, &token[..end], &roots).is_err());
    }
}

#[tokio::test]
async fn only_a_certificate_for_time_stamps_alone_stamps() {
    let Some(authority) = Authority::new(Key::P256, "sha256", "sha256") else {
        return;
    };
    let roots = authority.roots();
    let token = authority.serve(honest()).await.stamp(LINE).await;
    let content = authority.content(&token.expect("stamps"));
    let check = |token: &[u8]| TimeStamp::verify(LINE, token, &roots);

    assert!(check(&authority.signed(&content, "signer", "-cades")).is_ok());
    for section in ["web", "several", "uncritical"] {
        authority.certificate(section, section, "between", Key::P256);
        let made = authority.signed(&content, section, "-cades");
        assert!(
            why(check(&made)).contains("isn't for time stamps alone"),
            "{section}"
        );
    }
    let unnamed = authority.signed(&content, "signer", "");
    assert!(why(check(&unnamed)).contains("names another certificate"));
    let bare = authority.signed(&content, "signer", "-cades -nocerts");
    assert!(why(check(&bare)).contains("signer's certificate"));
    let unattributed = authority.signed(&content, "signer", "-noattr");
    assert!(why(check(&unattributed)).contains("another kind of content"));
}

#[tokio::test]
async fn an_answer_has_to_be_to_this_question_and_of_now() {
    let Some(authority) = Authority::new(Key::P256, "sha256", "sha256") else {
        return;
    };
    let first = Arc::new(Mutex::new(None));
    let held = first.clone();
    let replaying = authority
        .serve(Arc::new(move |answer| {
            let mut first = held.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(answer).clone()
        }))
        .await;
    let token = replaying.stamp(LINE).await.expect("stamps");
    assert!(why(replaying.stamp(LINE).await).contains("nonce"));
    assert!(why(replaying.stamp(b"{}").await).contains("another line"));

    // Ten minutes on, signed by the authority itself.
    let roots = authority.roots();
    let at = TimeStamp::verify(LINE, &token, &roots).expect("proves");
    let path = Arc::new(authority);
    let own = path.clone();
    let ahead = path
        .serve(Arc::new(move |answer| {
            // `granted` is the only status of nine bytes before the token.
            let content = own.content(&answer[9..]);
            let content = moved(&content, at, at.plus_ms(600_000));
            granting(&own.signed(&content, "signer", "-cades"))
        }))
        .await;
    assert!(why(ahead.stamp(LINE).await).contains("apart"));
}

#[tokio::test]
async fn a_certificate_counts_at_the_time_of_the_stamp() {
    let Some(authority) = Authority::new(Key::P256, "sha256", "sha256") else {
        return;
    };
    let roots = authority.roots();
    let token = authority.serve(honest()).await.stamp(LINE).await;
    let token = token.expect("stamps");
    let at = TimeStamp::verify(LINE, &token, &roots).expect("proves");
    let content = authority.content(&token);
    // One that ran out long ago.
    authority.openssl(
        "ca -batch -config settings -name keeper -create_serial -notext -in signer.csr -cert root.pem -keyfile root.key -outdir . -startdate 20200101000000Z -enddate 20210101000000Z -extensions stamps -out past.pem",
    );
    std::fs::copy(authority.at("signer.key"), authority.at("past.key")).expect("copied");
    let then = Timestamp::parse("2020-06-01T12:00:00Z").expect("a time");
    let stamped = authority.signed(&moved(&content, at, then), "past", "-cades");
    assert_eq!(TimeStamp::verify(LINE, &stamped, &roots), Ok(then));
    for other in ["2019-12-31T23:59:59Z", "2021-01-01T00:00:01Z"] {
        let other = Timestamp::parse(other).expect("a time");
        let stamped = authority.signed(&moved(&content, at, other), "past", "-cades");
        assert!(why(TimeStamp::verify(LINE, &stamped, &roots)).contains("no trusted authority"));
    }
}

#[tokio::test]
async fn what_an_authority_refuses_is_told() {
    let Some(authority) = Authority::new(Key::P256, "sha256", "sha256") else {
        return;
    };
    let text = std::fs::read_to_string(authority.at("settings")).expect("read");
    let text = text.replace("digests = sha256", "digests = sha512");
    std::fs::write(authority.at("settings"), text).expect("written");
    let refused = why(authority.serve(honest()).await.stamp(LINE).await);
    assert!(refused.contains("it says Rejection"), "{refused}");
}
