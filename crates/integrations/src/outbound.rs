//! The one client for URLs that a person, a document, an event, a policy or the configuration
//! gives.
//!
//! A call is decided on before anything is sent ([`decide`]): its name is resolved once, every
//! address that came back is held against the rules, and the connection goes to those addresses
//! and to no others. Redirects stay at one scheme, host and port. Time, sizes and the number of
//! calls have limits, and who fails again and again is left alone for a while ([`breaker`]).
//!
//! What the server's own configuration names is listed by being there ([`Outbound::listed`]):
//! exactly that host at that port, and for the client that was made for it alone. Metadata
//! services are open to [`Outbound::for_credential_chain`] and to nothing else.
//!
//! `docs/outbound.md` says all of it to operators.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model::Timestamp;
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::error::{Error, from_request};
use crate::secret::Secret;

pub mod address;
mod allowed;
pub mod breaker;
mod call;
mod destination;
mod destinations;
mod resolver;
mod rules;
#[cfg(test)]
mod tests;

pub use allowed::{AllowedDestination, Named};
pub use call::{
    Answer, Call, LONGEST_COME_BACK, LONGEST_TIME, MAX_ANSWER, MAX_HEADER_BYTES, MAX_LARGE,
    MAX_REQUEST, USUAL_TIME,
};
pub use destination::{Destination, MAX_URL};
pub use destinations::{
    CONNECT_TIME, MAX_ANSWER_HEADERS, MAX_CONCURRENT, MAX_DESTINATIONS, MAX_WAITING,
};
pub use resolver::{Resolver, SystemResolver};
pub use rules::{MAX_ADDRESSES, Refusal, Rules, decide};

use destinations::{Destinations, Full, Pass, Place};

/// Redirects of one call, within one scheme, host and port: a moved path takes one or two.
pub const MAX_REDIRECTS: usize = 5;
/// Entries of the allow-list: each is held against each call.
pub const MAX_ALLOWED: usize = 1024;

/// Calls by `outcome`: `answered`, `refused`, `shut`, `busy`, `redirected`, `failed`.
pub const REQUESTS: &str = "outbound_requests_total";
/// Refusals by `reason`.
pub const REFUSALS: &str = "outbound_refusals_total";
/// Seconds from the resolver to the last byte, of calls that were let out.
pub const DURATION: &str = "outbound_request_duration_seconds";
/// How often a breaker opened.
pub const BREAKER_OPENED: &str = "outbound_breaker_opened_total";
/// Breakers that are open now.
pub const BREAKERS_OPEN: &str = "outbound_breakers_open";

/// Tells the recorder what the metrics of outbound calls say.
pub fn describe_metrics() {
    metrics::describe_counter!(REQUESTS, "Outbound calls, by outcome.");
    metrics::describe_counter!(
        REFUSALS,
        "Outbound calls that the rules refused, by reason."
    );
    metrics::describe_histogram!(
        DURATION,
        metrics::Unit::Seconds,
        "Outbound requests that were let out, from the resolver to the last byte."
    );
    metrics::describe_counter!(
        BREAKER_OPENED,
        "How often a destination failed so often that it was left alone."
    );
    metrics::describe_gauge!(BREAKERS_OPEN, "Destinations that are left alone now.");
}

/// What an operator says of outbound calls: the table `[outbound]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundSettings {
    /// May be called although it isn't public; with `only_listed`, all that may be called.
    pub allow: Vec<AllowedDestination>,
    /// Refuse public destinations too, unless listed.
    pub only_listed: bool,
}

/// The one client. Clones and what [`Outbound::listed`] gives share breakers and limits, but not
/// their lists.
#[derive(Clone)]
pub struct Outbound {
    rules: Arc<Rules>,
    shared: Arc<Shared>,
}

struct Shared {
    resolver: Arc<dyn Resolver>,
    destinations: Destinations,
}

/// What became of one request of a call.
enum Step {
    Answer(Answer),
    Redirect(Destination),
}

/// Why there is no answer: for metrics, and for the caller.
struct Failure {
    outcome: &'static str,
    error: Error,
}

impl Default for Outbound {
    fn default() -> Self {
        Self::with(Rules::default(), Arc::new(SystemResolver))
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Outbound")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// With an operator's settings.
    pub fn new(settings: &OutboundSettings) -> Result<Self, Error> {
        let listed = settings.allow.len();
        if listed > MAX_ALLOWED {
            return Err(Error::Configuration(format!(
                "outbound.allow: {listed} entries are over {MAX_ALLOWED}: list networks or *.domain"
            )));
        }
        let rules = Rules::new(settings.allow.clone(), settings.only_listed);
        Ok(Self::with(rules, Arc::new(SystemResolver)))
    }

    /// For the credential chain of a cloud executor: metadata services and nothing else. The only
    /// way to a metadata service.
    pub fn for_credential_chain() -> Self {
        Self::with(Rules::metadata_only(), Arc::new(SystemResolver))
    }

    fn with(rules: Rules, resolver: Arc<dyn Resolver>) -> Self {
        let destinations = Destinations::default();
        Self {
            rules: Arc::new(rules),
            shared: Arc::new(Shared {
                resolver,
                destinations,
            }),
        }
    }

    /// The same rules with another resolver, and with nothing remembered.
    #[must_use]
    pub fn with_resolver(&self, resolver: Arc<dyn Resolver>) -> Self {
        Self::with(self.rules.as_ref().clone(), resolver)
    }

    /// A client that may also call this host at this port, public or not: for what the server's
    /// own configuration names. Neither its subdomains nor its other ports, and not for others.
    pub fn listed(&self, host: &str, port: u16) -> Result<Self, Error> {
        let parsed = match host.parse() {
            Ok(address) => Ok(Host::Ipv6(address)),
            Err(_) => Host::parse(host),
        };
        let host = parsed.map_err(|error| {
            Error::Configuration(format!("the host {host:?} can't be listed: {error}"))
        })?;
        Ok(self.listing(&host, port))
    }

    /// [`Outbound::listed`] with an URL's host and port.
    pub fn listed_url(&self, url: &str) -> Result<Self, Error> {
        let destination = Destination::parse(url).map_err(refused)?;
        Ok(self.listing(destination.host(), destination.port()))
    }

    /// [`Outbound::listed_url`] for an URL that is a secret, since whoever has it posts: `https`, but
    /// for this machine. `what` begins the error, which doesn't hold the URL.
    ///
    /// # Errors
    /// `Configuration`: what is wrong with it.
    pub fn listed_secret_url(&self, what: &str, url: &Secret) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Configuration(format!("{what}: the URL: {why}"));
        let parsed = url::Url::parse(url.reveal()).map_err(|error| wrong(&error.to_string()))?;
        let here = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if parsed.scheme() != "https" && !here {
            return Err(wrong("expected https"));
        }
        let outbound = self.listed_url(url.reveal())?;
        outbound.check(url.reveal())?;
        Ok(outbound)
    }

    fn listing(&self, host: &Host<String>, port: u16) -> Self {
        let rules = self.rules.and(AllowedDestination::exactly(host, port));
        Self {
            rules: Arc::new(rules),
            shared: self.shared.clone(),
        }
    }

    /// Whether an URL could be called, as far as that shows without resolving its name: for
    /// configuration that is read long before its first call.
    pub fn check(&self, url: &str) -> Result<(), Error> {
        let destination = Destination::parse(url).map_err(refused)?;
        self.rules.before_resolving(&destination).map_err(refused)
    }

    /// Makes a call. Any status is an answer. Errors say whether the other side may have acted.
    pub async fn call(&self, call: &Call) -> Result<Answer, Error> {
        let made = self.follow(call).await;
        let outcome = match &made {
            Ok(_) => "answered",
            Err(failure) => failure.outcome,
        };
        metrics::counter!(REQUESTS, "outcome" => outcome).increment(1);
        made.map_err(|failure| failure.error)
    }

    async fn follow(&self, call: &Call) -> Result<Answer, Failure> {
        call.check_size().map_err(|error| Failure {
            outcome: "refused",
            error,
        })?;
        let deadline = Instant::now() + call.within;
        let mut destination =
            Destination::parse(&call.url).map_err(|refusal| Failure::refused(call, &refusal))?;
        for _ in 0..=MAX_REDIRECTS {
            match self.request(call, &destination, deadline).await? {
                Step::Answer(answer) => return Ok(answer),
                Step::Redirect(next) => destination = next,
            }
        }
        let text = format!("{destination} redirects more than {MAX_REDIRECTS} times");
        Err(Failure::redirected(call, Error::Refused, &text))
    }

    /// One request: let in, decided on, sent, read.
    async fn request(
        &self,
        call: &Call,
        destination: &Destination,
        deadline: Instant,
    ) -> Result<Step, Failure> {
        self.rules
            .before_resolving(destination)
            .map_err(|refusal| Failure::refused(call, &refusal))?;
        let place = self
            .shared
            .destinations
            .enter(destination)
            .map_err(|full| Failure::full(call, destination, full))?;
        let Ok(Ok(_permit)) = timeout_at(deadline, place.permits.acquire()).await else {
            return Err(Failure::full(call, destination, Full::Waiting));
        };
        let pass = place
            .admit(std::time::Instant::now())
            .map_err(|shut| Failure::shut(call, destination, shut.until))?;
        let began = Instant::now();
        let made = self.send(call, destination, &place, deadline).await;
        metrics::histogram!(DURATION).record(began.elapsed().as_secs_f64());
        told(pass, &made);
        made
    }

    async fn send(
        &self,
        call: &Call,
        destination: &Destination,
        place: &Place,
        deadline: Instant,
    ) -> Result<Step, Failure> {
        let resolved = self.resolve(call, destination, deadline).await?;
        let addresses = decide(destination, &resolved, &self.rules)
            .map_err(|refusal| Failure::refused(call, &refusal))?;
        let client = place.client(destination, &addresses).map_err(|error| {
            Failure::failed(call, Error::Configuration, &error.without_url().to_string())
        })?;
        let request = call.request(&client, destination.url());
        let late = |_| Failure::late(call, destination);
        let response = timeout_at(deadline, request.send())
            .await
            .map_err(late)?
            .map_err(|error| Failure::broken(call, destination, error))?;
        if call::header_bytes(response.headers()) > MAX_HEADER_BYTES {
            let text =
                format!("{destination}: the answer's header is over {MAX_HEADER_BYTES} bytes");
            return Err(Failure::failed(call, Error::CannotTell, &text));
        }
        let status = response.status();
        if let Some(next) = redirect(call, destination, &response)? {
            return Ok(Step::Redirect(next));
        }
        let come_back = call::come_back(status, response.headers(), SystemTime::now());
        let body = if call.unread {
            Vec::new()
        } else {
            timeout_at(deadline, read(call, destination, response))
                .await
                .map_err(late)??
        };
        Ok(Step::Answer(Answer {
            status,
            body,
            come_back,
        }))
    }

    /// The addresses of the destination's name: the only time that it is resolved.
    async fn resolve(
        &self,
        call: &Call,
        destination: &Destination,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, Failure> {
        let Some(name) = destination.name() else {
            return Ok(destination.address().into_iter().collect());
        };
        let not_done = |why: &str| {
            let text = format!("{destination}: the name can't be resolved: {why}");
            Failure::failed(call, Error::NotDone, &text)
        };
        timeout_at(deadline, self.shared.resolver.resolve(name))
            .await
            .map_err(|_| not_done("it took too long"))?
            .map_err(|error| not_done(&error.to_string()))
    }
}

/// Tells the breaker what a request says of its destination. A refusal says nothing.
fn told(pass: Pass<'_>, made: &Result<Step, Failure>) {
    match made {
        Ok(Step::Answer(answer)) if answer.status.is_server_error() => pass.failed(),
        Ok(Step::Answer(_) | Step::Redirect(_)) => pass.succeeded(),
        Err(Failure {
            outcome: "redirected",
            ..
        }) => pass.succeeded(),
        Err(Failure {
            error: Error::NotDone(_) | Error::CannotTell(_),
            ..
        }) => pass.failed(),
        Err(_) => drop(pass),
    }
}

/// Where an answer sends the call, within its scheme, host and port. A `POST` is sent once.
fn redirect(
    call: &Call,
    from: &Destination,
    response: &reqwest::Response,
) -> Result<Option<Destination>, Failure> {
    let status = response.status();
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = response.headers().get(LOCATION).filter(|_| redirects) else {
        return Ok(None);
    };
    if call.method != reqwest::Method::GET {
        let text = format!(
            "{from} answers {status} and sends elsewhere: a {} is sent once, and no redirect of it followed",
            call.method
        );
        return Err(Failure::redirected(call, Error::CannotTell, &text));
    }
    let elsewhere = |whereto: &str| {
        let text = format!(
            "{from} answers {status} and sends to {whereto}: redirects are followed within the same scheme, host and port only"
        );
        Failure::redirected(call, Error::Refused, &text)
    };
    let next = location
        .to_str()
        .map_err(|_| elsewhere("what is no URL"))
        .and_then(|location| {
            from.join(location)
                .map_err(|refusal| elsewhere(&format!("a place that is refused ({refusal})")))
        })?;
    if next.is_same_origin(from) {
        Ok(Some(next))
    } else {
        Err(elsewhere(&format!("{}://{next}", next.scheme())))
    }
}

/// The body, up to the call's limit.
async fn read(
    call: &Call,
    destination: &Destination,
    mut response: reqwest::Response,
) -> Result<Vec<u8>, Failure> {
    let over = || {
        let text = format!("{destination}: the answer is over {} bytes", call.at_most);
        Failure::failed(call, Error::CannotTell, &text)
    };
    let most = u64::try_from(call.at_most).unwrap_or(u64::MAX);
    if response
        .content_length()
        .is_some_and(|length| length > most)
    {
        return Err(over());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::broken(call, destination, error))?
    {
        if body.len() + chunk.len() > call.at_most {
            return Err(over());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn refused(refusal: Refusal) -> Error {
    Error::Configuration(refusal.to_string())
}

impl Failure {
    fn failed(call: &Call, kind: fn(String) -> Error, text: &str) -> Self {
        Self {
            outcome: "failed",
            error: kind(format!("{}: {text}", call.what)),
        }
    }

    /// It answered, and sends where the call doesn't go.
    fn redirected(call: &Call, kind: fn(String) -> Error, text: &str) -> Self {
        Self {
            outcome: "redirected",
            ..Self::failed(call, kind, text)
        }
    }

    fn refused(call: &Call, refusal: &Refusal) -> Self {
        // A name that has no address may have one soon; all else stays as it is.
        if matches!(refusal, Refusal::NoAddress(_)) {
            return Self::failed(call, Error::NotDone, &refusal.to_string());
        }
        metrics::counter!(REFUSALS, "reason" => refusal.reason()).increment(1);
        Self {
            outcome: "refused",
            error: Error::Configuration(format!("{}: {refusal}: nothing was sent", call.what)),
        }
    }

    fn full(call: &Call, destination: &Destination, full: Full) -> Self {
        let why = match full {
            Full::Waiting => format!("{destination} has too many calls under way"),
            Full::Destinations => {
                format!(
                    "calls to {MAX_DESTINATIONS} destinations are under way, {destination} has to wait"
                )
            }
        };
        Self {
            outcome: "busy",
            error: Error::NotDone(format!("{}: {why}: nothing was sent", call.what)),
        }
    }

    fn shut(call: &Call, destination: &Destination, until: std::time::Instant) -> Self {
        let after = until.saturating_duration_since(std::time::Instant::now());
        let says = format!(
            "{}: {destination} failed too often and is left alone until {}: nothing was sent",
            call.what,
            in_wall_time(after)
        );
        Self {
            outcome: "shut",
            error: Error::Later { says, after },
        }
    }

    fn late(call: &Call, destination: &Destination) -> Self {
        let text = format!(
            "{destination}: no whole answer within {} s",
            call.within.as_secs_f64()
        );
        Self::failed(call, Error::CannotTell, &text)
    }

    fn broken(call: &Call, destination: &Destination, error: reqwest::Error) -> Self {
        Self {
            outcome: "failed",
            error: from_request(&format!("{}: {destination}", call.what), error),
        }
    }
}

fn in_wall_time(after: Duration) -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let ms = (since + after).as_millis();
    Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Whether a status says that the other side did not act, and may be asked again.
pub fn is_not_now(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}
