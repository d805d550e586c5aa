//! A bucket of S3, or of a server that speaks like it, as a place: an object a line.
//!
//! Keys are the prefix and the number in twenty digits, so that a listing is in order. An object is
//! only ever created (`If-None-Match: *`): whether the server heeds that is tried out before the
//! first line. With a lock each version is kept until its retention ends, and reading goes by
//! versions: of each key the first one counts, whatever was put over it.

mod listing;
mod sigv4;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, TryStreamExt as _};
use md5::Md5;
use model::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use self::listing::{Next, Object, refusal};
use self::sigv4::{Scope, Unsigned, authorization, encode, query};
use super::call::{Answer, Caller, listing, unsuccessful};
use super::{
    AnchorPlace, Custody, MAX_LINE, MAX_PAGE_BYTES, MAX_PAGE_LINES, address, check_line,
    other_bytes,
};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;

/// Bytes of one listing: 1,000 keys of at most 1,024 bytes each, with what stands around them.
const MAX_LISTING: usize = 4 << 20;
/// Bytes of an answer that only says yes or no.
const MAX_ANSWER: usize = 64 << 10;
/// Listings for one page of lines: others' keys under the prefix, and versions over versions, can
/// make one page of ours take several.
const MAX_LISTINGS: usize = 100;
/// Objects that are read at the same time.
const READS_AT_ONCE: usize = 8;
const DAY_MS: i64 = 86_400_000;
/// What the object says by which a server's heed of `If-None-Match` is tried out.
const TRIAL: &[u8] = b"A second object of this name has to be refused.\n";

/// How a bucket stands in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// `https://bucket.endpoint/key`, as Amazon wants it.
    #[default]
    VirtualHost,
    /// `https://endpoint/bucket/key`, as servers of one's own mostly want it.
    Path,
}

/// What a request is signed with.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: Secret,
    /// Of credentials that are lent for a time.
    pub session_token: Option<Secret>,
}

/// Object lock in compliance mode, days from each write. The bucket needs versions and object lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    pub days: u32,
}

/// What to do with a server that writes over what is there although it is asked not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwriting {
    /// It is no place for anchors.
    #[default]
    Refused,
    /// It is used all the same: before each write the key is looked up. Two who write at the same
    /// moment can replace each other's line.
    Allowed,
}

#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// For messages and metrics.
    pub name: String,
    /// Scheme and host, without bucket: `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    /// Empty, or a folder with its slash: `datapulse/production/`.
    pub prefix: String,
    pub addressing: Addressing,
    pub credentials: Credentials,
    pub lock: Option<Lock>,
    pub overwriting: Overwriting,
}

pub struct Bucket {
    caller: Caller,
    settings: BucketSettings,
    /// Scheme and host with port, as they are called.
    base: String,
    host: String,
    /// What stands before a key in a path: `/`, or `/bucket/`.
    root: String,
    /// Whether the server heeds `If-None-Match`.
    heeds: OnceCell<bool>,
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Put,
}

/// A request but for its signature.
struct Request<'a> {
    method: Method,
    key: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

/// What became of an object that was put.
enum Put {
    Created,
    /// Something is there already.
    Exists,
    /// The server doesn't know the condition.
    UnknownCondition,
}

impl Bucket {
    /// # Errors
    /// [`Error::Configuration`]: what can't be an address, a bucket, a prefix or a lock.
    pub fn new(settings: BucketSettings) -> Result<Self, Error> {
        let (host, _) = place(&settings)?;
        let outbound = listing(&settings.name, &[&host])?;
        Self::through(settings, outbound)
    }

    /// Through a client that others share. It must allow the host: the endpoint's, or with
    /// [`Addressing::VirtualHost`] the bucket's below it.
    ///
    /// # Errors
    /// Those of [`Self::new`], and a host that the client doesn't allow.
    pub fn through(settings: BucketSettings, outbound: Outbound) -> Result<Self, Error> {
        let (base, root) = place(&settings)?;
        let host = base.split_once("://").map_or("", |(_, host)| host);
        Ok(Self {
            caller: Caller::new(&settings.name, &[&base], outbound)?,
            host: host.to_owned(),
            base,
            root,
            heeds: OnceCell::new(),
            settings,
        })
    }

    /// Another limit of one call than 30 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.caller.set_timeout(timeout);
        self
    }

    fn key(&self, seq: u64) -> String {
        format!("{}{seq:020}.json", self.settings.prefix)
    }

    fn number(&self, key: &str) -> Option<u64> {
        let digits = key
            .strip_prefix(&self.settings.prefix)?
            .strip_suffix(".json")?;
        let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|seq| ours && *seq > 0)
    }

    async fn send(&self, max: usize, request: &Request<'_>) -> Result<Answer, Error> {
        self.caller.call(max, || self.sign(request)).await
    }

    fn sign(&self, request: &Request<'_>) -> Call {
        let (at, body) = (now(), hex::encode(Sha256::digest(request.body)));
        let date = sigv4::date(at);
        let path = encode(&format!("{}{}", self.root, request.key), true);
        let credentials = &self.settings.credentials;
        let mut headers = vec![
            ("host", self.host.as_str()),
            ("x-amz-content-sha256", &body),
            ("x-amz-date", &date),
        ];
        if let Some(token) = &credentials.session_token {
            headers.push(("x-amz-security-token", token.reveal()));
        }
        headers.extend(request.headers);
        let unsigned = Unsigned {
            method: match request.method {
                Method::Get => "GET",
                Method::Put => "PUT",
            },
            path: &path,
            query: request.query,
            headers: &headers,
            body: &body,
        };
        let scope = Scope {
            at,
            region: &self.settings.region,
            service: "s3",
        };
        let value = authorization(&unsigned, scope, credentials);
        let mut url = format!("{}{path}", self.base);
        if !request.query.is_empty() {
            url = format!("{url}?{}", query(request.query));
        }
        let call = match request.method {
            Method::Get => Call::get(self.name(), &url),
            Method::Put => Call::put(self.name(), &url, request.body.to_vec()),
        };
        headers
            .into_iter()
            .fold(call, |call, (name, value)| call.header(name, value))
            .header("authorization", value)
    }

    fn unsuccessful(&self, what: &str, answer: &Answer) -> Error {
        unsuccessful(self.name(), what, answer.status, &refusal(&answer.body))
    }

    /// Puts an object; `only_new`: under the condition that there is none, `kept`: with the lock.
    async fn put(&self, key: &str, body: &[u8], only_new: bool, kept: bool) -> Result<Put, Error> {
        // Object lock asks for this digest, or for one of Amazon's own, which not every server has.
        let md5 = STANDARD.encode(Md5::digest(body));
        let mut headers = vec![("content-md5", md5.as_str())];
        if only_new {
            headers.push(("if-none-match", "*"));
        }
        let until = self
            .settings
            .lock
            .filter(|_| kept)
            .map(|lock| now().plus_ms(i64::from(lock.days) * DAY_MS).to_string());
        if let Some(until) = &until {
            headers.push(("x-amz-object-lock-mode", "COMPLIANCE"));
            headers.push(("x-amz-object-lock-retain-until-date", until));
        }
        let request = Request {
            method: Method::Put,
            key,
            query: &[],
            headers: &headers,
            body,
        };
        let answer = self.send(MAX_ANSWER, &request).await?;
        match answer.status {
            200..=299 => Ok(Put::Created),
            412 if only_new => Ok(Put::Exists),
            501 if only_new => Ok(Put::UnknownCondition),
            // Amazon: another conditional write to the same key was under way.
            409 => Err(Error::NotDone(format!(
                "{}: {key}: status 409: {}",
                self.name(),
                refusal(&answer.body)
            ))),
            _ => Err(self.unsuccessful(key, &answer)),
        }
    }

    /// Tries out, once a process and before the first line, whether the server refuses a second
    /// object of the same key.
    async fn heeds(&self) -> Result<bool, Error> {
        let tried = self.heeds.get_or_try_init(|| async {
            let key = format!("{}if-none-match", self.settings.prefix);
            for _ in 0..2 {
                match self.put(&key, TRIAL, true, false).await? {
                    Put::Exists => return Ok(true),
                    Put::UnknownCondition => return Ok(false),
                    Put::Created => {}
                }
            }
            Ok(false)
        });
        let heeds = *tried.await?;
        if !heeds && self.settings.overwriting == Overwriting::Refused {
            return Err(Error::Configuration(format!(
                "{}: this server writes over objects although `If-None-Match: *` asks it not to, so lines could be replaced unseen; use another, or allow overwriting and lock the bucket",
                self.name()
            )));
        }
        Ok(heeds)
    }

    /// The object's bytes; `None`: there is no such object.
    async fn get(&self, seq: u64, version: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
        let version = version.map(|version| [("versionId", version)]);
        let request = Request {
            method: Method::Get,
            key: &self.key(seq),
            query: version.as_ref().map_or(&[], |query| query),
            headers: &[],
            body: b"",
        };
        let answer = self.send(MAX_LINE, &request).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 if refusal(&answer.body).starts_with("NoSuchKey") => Ok(None),
            _ => Err(self.unsuccessful(request.key, &answer)),
        }
    }

    /// What is there has to be what we write.
    async fn compare(&self, seq: u64, line: &[u8]) -> Result<Option<()>, Error> {
        match self.get(seq, None).await? {
            None => Ok(None),
            Some(held) if held == line => Ok(Some(())),
            Some(_) => Err(other_bytes(self.name(), seq)),
        }
    }

    /// Objects of the lines after this one, by number: enough for a page.
    async fn list(&self, after: u64) -> Result<BTreeMap<u64, Object>, Error> {
        let (prefix, start) = (self.settings.prefix.as_str(), self.key(after));
        let (mut objects, mut next) = (BTreeMap::new(), None);
        for _ in 0..MAX_LISTINGS {
            let mut query = match self.settings.lock {
                Some(_) => vec![("versions", "")],
                None => vec![("list-type", "2")],
            };
            match &next {
                None if self.settings.lock.is_some() => query.push(("key-marker", &start)),
                None => query.push(("start-after", &start)),
                Some(Next::Token(token)) => query.push(("continuation-token", token)),
                Some(Next::Version { key, version }) => {
                    query.push(("key-marker", key));
                    if !version.is_empty() {
                        query.push(("version-id-marker", version));
                    }
                }
            }
            query.extend([("prefix", prefix), ("max-keys", "1000")]);
            let request = Request {
                method: Method::Get,
                key: "",
                query: &query,
                headers: &[],
                body: b"",
            };
            let answer = self.send(MAX_LISTING, &request).await?;
            if answer.status != 200 {
                return Err(self.unsuccessful("the listing", &answer));
            }
            let number = |key: &str| self.number(key).filter(|seq| *seq > after);
            next = listing::take(self.name(), &answer.body, &mut objects, number)?;
            if next.is_none() {
                return Ok(objects);
            }
            // The last key's first version may stand in the next listing.
            let partial = usize::from(self.settings.lock.is_some());
            if objects.len() > partial && objects.len() >= MAX_PAGE_LINES / 2 {
                if partial == 1 {
                    objects.pop_last();
                }
                return Ok(objects);
            }
        }
        Err(Error::Refused(format!(
            "{}: {MAX_LISTINGS} listings after anchor {after} and still no page of lines: too much else lies under {prefix:?}",
            self.name()
        )))
    }

    /// Those that stand without a gap, as many as a page holds.
    fn gapless(
        &self,
        after: u64,
        objects: BTreeMap<u64, Object>,
    ) -> Result<Vec<(u64, Object)>, Error> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        for ((seq, object), expected) in objects.into_iter().zip(after + 1..) {
            let fault = |why: String| Err(Error::Refused(format!("{}: {why}", self.name())));
            if seq != expected {
                return fault(format!("anchor {expected} is missing, and {seq} is there"));
            }
            if object.size > MAX_LINE as u64 {
                return fault(format!("anchor {seq} is over {MAX_LINE} bytes"));
            }
            bytes += object.size as usize;
            if page.len() == MAX_PAGE_LINES || (bytes > MAX_PAGE_BYTES && !page.is_empty()) {
                break;
            }
            if object.later > 0 {
                let (place, later) = (self.name(), object.later);
                tracing::warn!(
                    place,
                    seq,
                    later,
                    "an anchor was written over or deleted: its first version counts"
                );
            }
            page.push((seq, object));
        }
        Ok(page)
    }

    async fn line(&self, seq: u64, object: Object) -> Result<Vec<u8>, Error> {
        let cannot_tell =
            |why: &str| Error::CannotTell(format!("{}: anchor {seq} {why}", self.name()));
        let line = self
            .get(seq, object.version.as_deref())
            .await?
            .ok_or_else(|| cannot_tell("is listed, and isn't there"))?;
        if line.len() as u64 != object.size {
            return Err(cannot_tell("isn't as long as the listing says"));
        }
        Ok(line)
    }
}

#[async_trait]
impl AnchorPlace for Bucket {
    fn name(&self) -> &str {
        self.caller.name()
    }

    fn custody(&self) -> Custody {
        match (self.settings.lock, self.settings.overwriting) {
            (Some(Lock { days }), _) => Custody::Locked { days },
            (None, Overwriting::Refused) => Custody::CreateOnly,
            (None, Overwriting::Allowed) => Custody::Overwritable,
        }
    }

    async fn write(&self, seq: u64, line: &[u8]) -> Result<(), Error> {
        check_line(self.name(), seq, line)?;
        let (key, heeds) = (self.key(seq), self.heeds().await?);
        if !heeds && self.compare(seq, line).await?.is_some() {
            return Ok(());
        }
        match self.put(&key, line, heeds, true).await? {
            Put::Created => Ok(()),
            Put::Exists | Put::UnknownCondition => {
                let same = self.compare(seq, line).await?;
                same.ok_or_else(|| Error::NotDone(format!("{}: {key} came and went", self.name())))
            }
        }
    }

    async fn page(&self, after: u64) -> Result<Vec<Vec<u8>>, Error> {
        let objects = self.gapless(after, self.list(after).await?)?;
        futures::stream::iter(objects)
            .map(|(seq, object)| self.line(seq, object))
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }
}

/// Scheme and host with port as they are called, and what stands before a key in a path.
fn place(settings: &BucketSettings) -> Result<(String, String), Error> {
    let endpoint = address(&settings.name, &settings.endpoint)?;
    check(settings, &endpoint)?;
    let port = endpoint
        .port()
        .map_or(String::new(), |port| format!(":{port}"));
    let (scheme, plain) = (endpoint.scheme(), endpoint.host_str().unwrap_or_default());
    let bucket = &settings.bucket;
    Ok(match settings.addressing {
        Addressing::VirtualHost => (format!("{scheme}://{bucket}.{plain}{port}"), "/".to_owned()),
        Addressing::Path => (format!("{scheme}://{plain}{port}"), format!("/{bucket}/")),
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_millis() as i64))
}

/// What can't be, said before anything is sent.
fn check(settings: &BucketSettings, endpoint: &url::Url) -> Result<(), Error> {
    let wrong = |what: &str| Err(Error::Configuration(format!("{}: {what}", settings.name)));
    if !matches!(endpoint.path(), "" | "/") || endpoint.query().is_some() {
        return wrong("endpoint: expected scheme and host, such as https://s3.example.org");
    }
    // Rules for names of buckets, Amazon S3 User Guide.
    let bucket = settings.bucket.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = (3..=63).contains(&bucket.len())
        && bucket
            .iter()
            .all(|byte| plain(byte) || matches!(byte, b'-' | b'.'))
        && [bucket.first(), bucket.last()]
            .into_iter()
            .flatten()
            .all(plain);
    if !fits {
        return wrong("bucket: expected 3 to 63 of a-z, 0-9, - and .");
    }
    let prefix = &settings.prefix;
    // What stands in every server's keys and in every proxy's paths as it is.
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let odd = |part: &str| matches!(part, "" | "." | "..");
    let is_folder = prefix
        .strip_suffix('/')
        .is_some_and(|folder| prefix.bytes().all(safe) && !folder.split('/').any(odd));
    if !prefix.is_empty() && !is_folder {
        return wrong("prefix: expected a folder with its slash, such as datapulse/production/");
    }
    if settings.lock == Some(Lock { days: 0 }) {
        return wrong("lock: expected days, from 1");
    }
    if settings.region.is_empty() || settings.credentials.access_key.is_empty() {
        return wrong("region and access key can't be empty");
    }
    Ok(())
}
