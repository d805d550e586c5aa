//! A receiver of signed webhooks as a place: what another team runs, with rules of its own.
//!
//! * `POST write_url`: a line as body, its number in `idempotency-key: anchor-N`. 2xx: kept, now or
//!   before. 409: other bytes are kept under this number.
//! * `GET read_url?after=N&limit=M`: the lines after the N-th, a line each (NDJSON), at most M
//!   and about 64 MiB; an empty answer where there are no more.
//!
//! Both bear the time and our signature, as [`crate::signature`] makes it: over the body of the
//! `POST`, and over the query `after=N&limit=M` of the `GET`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use url::Url;

use super::call::{Caller, listing, unsuccessful};
use super::{
    AnchorPlace, Custody, MAX_LINE, MAX_PAGE_BYTES, MAX_PAGE_LINES, address, check_line,
    other_bytes,
};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;
use crate::signature::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// Bytes of an answer to a `POST`: only its status counts, and its words when it refuses.
const MAX_ANSWER: usize = 64 << 10;

/// Where a receiver is, and what it knows us by.
#[derive(Debug, Clone)]
pub struct ReceiverSettings {
    /// For messages and metrics.
    pub name: String,
    pub write_url: String,
    /// Where the lines are read back: better not the machine that takes them in.
    pub read_url: String,
    pub secret: Secret,
}

pub struct Receiver {
    caller: Caller,
    write: Url,
    read: Url,
    secret: Secret,
}

impl Receiver {
    /// # Errors
    /// [`Error::Configuration`]: an address that can't be called, or has a query of its own.
    pub fn new(settings: ReceiverSettings) -> Result<Self, Error> {
        let urls = [settings.write_url.as_str(), &settings.read_url];
        let outbound = listing(&settings.name, &urls)?;
        Self::through(settings, outbound)
    }

    /// Through a client that others share. It must allow both addresses.
    ///
    /// # Errors
    /// Those of [`Self::new`], and an address that the client doesn't allow.
    pub fn through(settings: ReceiverSettings, outbound: Outbound) -> Result<Self, Error> {
        let name = settings.name;
        let write = address(&name, &settings.write_url)?;
        let read = address(&name, &settings.read_url)?;
        if read.query().is_some() {
            return Err(Error::Configuration(format!(
                "{name}: {read}: an address to read from has no query of its own"
            )));
        }
        Ok(Self {
            caller: Caller::new(&name, &[write.as_str(), read.as_str()], outbound)?,
            write,
            read,
            secret: settings.secret,
        })
    }

    /// Another limit of one call than 30 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.caller.set_timeout(timeout);
        self
    }

    fn signed(&self, call: Call, over: &[u8]) -> Call {
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        call.header(TIMESTAMP_HEADER, seconds.to_string())
            .header(SIGNATURE_HEADER, sign(&self.secret, seconds, over))
    }
}

#[async_trait]
impl AnchorPlace for Receiver {
    fn name(&self) -> &str {
        self.caller.name()
    }

    fn custody(&self) -> Custody {
        Custody::Receiver
    }

    async fn write(&self, seq: u64, line: &[u8]) -> Result<(), Error> {
        check_line(self.name(), seq, line)?;
        let answer = self
            .caller
            .call(MAX_ANSWER, || {
                let post = Call::post(self.name(), self.write.as_str(), line.to_vec());
                self.signed(post, line)
                    .header("content-type", "application/json")
                    .header(KEY_HEADER, format!("anchor-{seq}"))
            })
            .await?;
        match answer.status {
            200..=299 => Ok(()),
            409 => Err(other_bytes(self.name(), seq)),
            status => {
                let says = String::from_utf8_lossy(&answer.body);
                let what = format!("anchor {seq} isn't taken");
                Err(unsuccessful(self.name(), &what, status, &says))
            }
        }
    }

    async fn page(&self, after: u64) -> Result<Vec<Vec<u8>>, Error> {
        let query = format!("after={after}&limit={MAX_PAGE_LINES}");
        let mut url = self.read.clone();
        url.set_query(Some(&query));
        // The longest line and its end fit, whatever came before them.
        let answer = self
            .caller
            .call(MAX_PAGE_BYTES + MAX_LINE, || {
                self.signed(Call::get(self.name(), url.as_str()), query.as_bytes())
            })
            .await?;
        match answer.status {
            200 => lines(self.name(), after, &answer.body),
            204 => Ok(Vec::new()),
            status => {
                let says = String::from_utf8_lossy(&answer.body);
                let what = format!("the lines after {after}");
                Err(unsuccessful(self.name(), &what, status, &says))
            }
        }
    }
}

/// Whole lines only: an answer whose last line has no end is one that was cut.
fn lines(name: &str, after: u64, body: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let Some(body) = body.strip_suffix(b"\n") else {
        return if body.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Error::CannotTell(format!(
                "{name}: the lines after {after} are cut: the last one has no end"
            )))
        };
    };
    let lines: Vec<Vec<u8>> = body
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.len() > MAX_PAGE_LINES {
        return Err(Error::Refused(format!(
            "{name}: it gives {} lines where {MAX_PAGE_LINES} were asked for",
            lines.len()
        )));
    }
    for (line, seq) in lines.iter().zip(after + 1..) {
        check_line(name, seq, line).map_err(|_| {
            Error::Refused(format!(
                "{name}: line {seq} is empty or over {MAX_LINE} bytes"
            ))
        })?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_lines() {
        assert_eq!(lines("r", 0, b""), Ok(Vec::new()));
        assert_eq!(
            lines("r", 0, b"a\nb\n"),
            Ok(vec![b"a".to_vec(), b"b".to_vec()])
        );
        assert!(matches!(
            lines("r", 0, b"a\nb"),
            Err(Error::CannotTell(why)) if why.contains("cut")
        ));
        assert!(matches!(
            lines("r", 4, b"a\n\nb\n"),
            Err(Error::Refused(why)) if why.contains("line 6")
        ));
        let many = b"x\n".repeat(MAX_PAGE_LINES + 1);
        assert!(matches!(lines("r", 0, &many), Err(Error::Refused(_))));
    }
}
