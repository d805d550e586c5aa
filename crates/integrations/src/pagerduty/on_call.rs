//! Who is on call for a service: read from PagerDuty, for the policy by which one of those who
//! agree must be on call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::render::one_line;
use serde::Serialize;
use serde_json::Value;

use super::{TIMEOUT, answer};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::run::path_segment;
use crate::secret::Secret;

/// Where PagerDuty's REST API is, unless an operator says otherwise (the EU's accounts:
/// `https://api.eu.pagerduty.com`).
pub const REST: &str = "https://api.pagerduty.com";
/// The level of an escalation policy whose people lead.
pub const LEAD_LEVEL: u64 = 1;
/// Entries of one answer, as many as PagerDuty gives.
const PAGE: usize = 100;
/// Answers that are read: a policy has 20 levels at most.
const MAX_PAGES: usize = 5;
/// Characters of an id, a name or an e-mail.
const MAX_FIELD: usize = 255;

/// A person who is on call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Person {
    /// The level of the escalation policy: 1 is asked first.
    pub level: u64,
    /// PagerDuty's id of the user.
    pub id: String,
    /// As the person calls itself: to be shown, never to be compared.
    pub name: String,
    pub email: Option<String>,
}

/// Reads who is on call. The token needs to read only.
#[derive(Debug, Clone)]
pub struct OnCall {
    base: String,
    token: Secret,
    outbound: Outbound,
    pub(super) within: Duration,
}

impl OnCall {
    /// `base` is one that the server's own configuration names, which lists its host.
    ///
    /// # Errors
    /// `Configuration`: what is wrong with it.
    pub fn new(base: &str, token: Secret) -> Result<Self, Error> {
        let outbound = Outbound::default()
            .listed_url(base)
            .map_err(|error| Error::Configuration(format!("pagerduty rest url: {error}")))?;
        Self::through(base, token, outbound)
    }

    /// Through a client that others share. It must allow `base`: see [`Outbound::listed_url`].
    ///
    /// # Errors
    /// `Configuration`: what is wrong with it.
    pub fn through(base: &str, token: Secret, outbound: Outbound) -> Result<Self, Error> {
        outbound
            .check(base)
            .map_err(|error| Error::Configuration(format!("pagerduty rest url: {error}")))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token,
            outbound,
            within: TIMEOUT,
        })
    }

    /// All who are on call now for a service, by PagerDuty's id of it, the lowest level first, each
    /// person once a level. Empty: nobody is.
    ///
    /// # Errors
    /// PagerDuty was only read: nothing acted. An error never means that nobody is on call.
    pub async fn of_service(&self, service: &str) -> Result<Vec<Person>, Error> {
        let path = format!("/services/{}", path_segment(service));
        let answer = self.read("GET services", &path).await?;
        let policy = answer
            .pointer("/service/escalation_policy/id")
            .and_then(Value::as_str)
            .ok_or_else(|| unreadable("GET services", "the service has no escalation policy"))?;
        self.of_policy(policy).await
    }

    /// The same for an escalation policy.
    ///
    /// # Errors
    /// As [`OnCall::of_service`].
    pub async fn of_policy(&self, policy: &str) -> Result<Vec<Person>, Error> {
        let what = "GET oncalls";
        let mut people = BTreeSet::new();
        for page in 0..MAX_PAGES {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("escalation_policy_ids[]", policy)
                .append_pair("include[]", "users")
                .append_pair("limit", &PAGE.to_string())
                .append_pair("offset", &(page * PAGE).to_string())
                .finish();
            let answer = self.read(what, &format!("/oncalls?{query}")).await?;
            let entries = answer.get("oncalls").and_then(Value::as_array);
            let entries = entries.ok_or_else(|| unreadable(what, "the answer has no oncalls"))?;
            for entry in entries {
                // What PagerDuty would have filtered is held against what was asked for.
                let of = entry
                    .pointer("/escalation_policy/id")
                    .and_then(Value::as_str);
                if of == Some(policy) {
                    people.extend(person(entry));
                }
            }
            if answer.get("more").and_then(Value::as_bool) != Some(true) {
                return Ok(people.into_iter().collect());
            }
        }
        Err(unreadable(what, "more people than are read"))
    }

    async fn read(&self, what: &str, path: &str) -> Result<Value, Error> {
        let what = format!("pagerduty: {what}");
        let token = format!("Token token={}", self.token.reveal());
        let call = Call::get(&what, &format!("{}{path}", self.base))
            .header("authorization", token)
            .header("accept", "application/vnd.pagerduty+json;version=2")
            .within(self.within);
        let made = match self.outbound.call(&call).await {
            Ok(answer) => answer::read(&what, &answer, Error::NotDone),
            // Reading acts on nothing.
            Err(Error::CannotTell(says)) => Err(Error::NotDone(says)),
            Err(error) => Err(error),
        };
        if made.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => "pagerduty")
                .increment(1);
        }
        made
    }
}

/// Those of the first level as the policy compares them with who agrees: by the subject that
/// `subjects` gives for a PagerDuty user's id, else by e-mail. Names are left out, since people
/// choose them; so is what holds a comma or a semicolon, which would be two people.
pub fn leads(people: &[Person], subjects: &BTreeMap<String, String>) -> Vec<String> {
    people
        .iter()
        .filter(|person| person.level == LEAD_LEVEL)
        .filter_map(|person| subjects.get(&person.id).or(person.email.as_ref()))
        .map(|lead| lead.trim().to_owned())
        .filter(|lead| !lead.is_empty() && !lead.contains([',', ';']))
        .collect()
}

/// Someone without an id, or of no level, is nobody.
fn person(entry: &Value) -> Option<Person> {
    let user = entry.get("user")?;
    let text = |name: &str| {
        let text = user.get(name).and_then(Value::as_str)?;
        Some(one_line(text, MAX_FIELD)).filter(|text| !text.is_empty())
    };
    let id = text("id")?;
    Some(Person {
        level: entry.get("escalation_level")?.as_u64()?,
        name: text("name")
            .or_else(|| text("summary"))
            .unwrap_or_else(|| id.clone()),
        email: text("email"),
        id,
    })
}

fn unreadable(what: &str, says: &str) -> Error {
    Error::NotDone(format!("pagerduty: {what}: {says}"))
}
