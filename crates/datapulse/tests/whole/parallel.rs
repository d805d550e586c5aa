//! Ten people decide on ten offers at once, by API, by browser session and by command line, while
//! the server is killed again and again: what was answered with yes is in the journal once, and
//! what was agreed to is done once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use integrations::Secret;
use integrations::run::{ControlApi, Runner as _};
use model::{Action, ActionKind, Proposal, RiskTier, TargetState, Timestamp};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use simulator::{Naming, Setting, Shop, control};

use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::story;

const PEOPLE: usize = 10;
const OFFERS: usize = 10;
/// Of every test run; `cargo xtask soak decisions` takes ten times as many.
const KILLS: usize = 5;
const SEED: u64 = 20_261_127;
/// Another seed: `cargo xtask soak decisions` gives one after the other.
const SEED_ENV: &str = "DATAPULSE_TEST_SEED";
/// The platform's token.
const TOKEN: &str = "for-tests-only";
/// A decision that isn't answered after so long, isn't.
const PATIENCE: Duration = Duration::from_secs(120);

fn seed() -> u64 {
    let given = std::env::var(SEED_ENV).ok();
    given.map_or(SEED, |given| given.parse().expect("a number"))
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// The shop's platform: the simulator's own, behind its own door.
async fn platform(place: &Place) -> (Shop, String) {
    let setting = Setting {
        seed: seed(),
        fault: None,
        start_ms: now(),
        naming: Naming::default(),
    };
    let shop = Shop::open(&place.path().join("shop"), setting).expect("a shop");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = control::router(shop.clone(), TOKEN, Arc::new(now));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (shop, url)
}

/// Each offer is about another service, as it is now.
async fn offers(shop: &Shop, url: &str) -> Vec<Proposal> {
    let runner = ControlApi::new(url, Secret::new(TOKEN)).expect("a runner");
    let mut offers = Vec::new();
    for number in 1..=OFFERS {
        let target = shop.world().naming.services[number - 1].clone();
        let state = runner.observe(&target).await.expect("is observed");
        let replicas = state["replicas"].as_u64().expect("a number");
        let to = |count: u64| Action {
            kind: ActionKind::Scale,
            target: target.clone(),
            parameters: [("replicas".to_owned(), json!(count))].into(),
        };
        offers.push(Proposal {
            action: to(replicas + 1),
            undo: Some(to(replicas)),
            risk: RiskTier::High,
            quorum: 2,
            observed: TargetState::new(target.clone(), state, Timestamp(now())),
            ..story::lasting(u32::try_from(number).expect("small"))
        });
    }
    offers
}

/// How somebody decides.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Api,
    Session,
    CommandLine,
}

#[derive(Clone)]
struct Person {
    token: String,
    way: Way,
    url: String,
    http: reqwest::Client,
    folder: std::path::PathBuf,
}

impl Person {
    fn ask(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{API}{path}", self.url))
            .timeout(Duration::from_secs(20))
    }

    /// Status and reason; `None`: no answer came.
    async fn decide(&self, id: &str, proposal: &str, seal: &str) -> Option<(u16, String)> {
        let path = format!("/incidents/{id}/proposals/{proposal}/decisions");
        let body = json!({ "seal": seal, "approve": true, "reason": "yes" });
        match self.way {
            Way::Api => {
                answered(
                    self.ask(Method::POST, &path)
                        .bearer_auth(&self.token)
                        .json(&body),
                )
                .await
            }
            Way::Session => {
                let (cookie, csrf) = self.session().await?;
                let request = self.ask(Method::POST, &path).json(&body);
                answered(
                    request
                        .header(header::COOKIE, cookie)
                        .header("x-csrf-token", csrf),
                )
                .await
            }
            Way::CommandLine => self.run(id, proposal, seal).await,
        }
    }

    /// A browser's session: the link, its cookie, its CSRF token.
    async fn session(&self) -> Option<(String, String)> {
        let link = self
            .ask(Method::POST, "/login-links")
            .bearer_auth(&self.token);
        let link: Value = link.send().await.ok()?.json().await.ok()?;
        let path = link["path"].as_str()?;
        let login = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .ok()?;
        let cookie = login.headers().get(header::SET_COOKIE)?.to_str().ok()?;
        let cookie = cookie.split(';').next()?.to_owned();
        let me = self.ask(Method::GET, "/me").header(header::COOKIE, &cookie);
        let me: Value = me.send().await.ok()?.json().await.ok()?;
        Some((cookie, me["csrf_token"].as_str()?.to_owned()))
    }

    async fn run(&self, id: &str, proposal: &str, seal: &str) -> Option<(u16, String)> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_datapulse"));
        command
            .args([
                "action", "approve", id, proposal, "--seal", seal, "--reason", "yes",
            ])
            .args(["--server", &self.url, "--token", &self.token])
            .current_dir(&self.folder);
        let output = command.output().await.ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => Some((201, String::new())),
            // The server's own words; what doesn't come from it is no answer.
            _ if said.contains("refused:") => Some((409, said)),
            _ => None,
        }
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Option<(u16, String)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let body: Value = response.json().await.ok()?;
    // Sessions end with their process, and a process that begins may still be busy.
    if matches!(status, 401 | 503) {
        return None;
    }
    Some((
        status,
        body["detail"].as_str().unwrap_or_default().to_owned(),
    ))
}

/// Asks until there is an answer.
async fn decided(person: Person, id: String, proposal: String, seal: String) -> (u16, String) {
    let began = Instant::now();
    loop {
        if let Some(answer) = person.decide(&id, &proposal, &seal).await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{proposal}: never answered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn configuration(port: u16, platform: &str) -> String {
    format!(
        "[retention]\ntelemetry_days = 0\n[server]\nlisten = \"127.0.0.1:{port}\"\n[runner]\nkind = \"control-api\"\nurl = \"{platform}\"\nsecret_env = \"RUNNER_SECRET\"\n[executor]\nsettle_ms = 50\nwindow_ms = 200\ndelay_ms = 50\nneeded = 1\nof = 1\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_decisions_at_once_while_the_server_is_killed() {
    let place = Place::new();
    let (shop, platform) = platform(&place).await;
    let offers = offers(&shop, &platform).await;
    let id = story::write_offering(&place, offers).await.to_string();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    place.write("datapulse.toml", &configuration(port, &platform));
    let secret = [("RUNNER_SECRET", TOKEN)];
    let mut server = Server::start_as_configured(&place, &secret);
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let token = server
            .token(&format!("person {number}"), "responder", true)
            .await;
        let way = match number % 5 {
            0 => Way::CommandLine,
            1 => Way::Session,
            _ => Way::Api,
        };
        people.push(Person {
            token,
            way,
            url: server.url.clone(),
            http: server.http.clone(),
            folder: place.path().to_owned(),
        });
    }
    let proposals = server.get(&format!("/incidents/{id}/proposals")).await.body;
    let mut asked = Vec::new();
    for (number, person) in people.iter().enumerate() {
        for item in proposals["items"].as_array().expect("offers") {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            let (proposal, seal) = (text(&item["proposal"]["id"]), text(&item["seal"]));
            let deciding = decided(person.clone(), id.clone(), proposal.clone(), seal);
            asked.push((number, proposal, tokio::spawn(deciding)));
        }
    }
    let mut chance = seed();
    for _ in 0..KILLS {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(200 + (chance >> 33) % 900)).await;
        server.kill();
        server = Server::start_as_configured(&place, &secret);
    }
    let mut yes: BTreeSet<(String, String)> = BTreeSet::new();
    for (number, proposal, deciding) in asked {
        let (status, reason) = deciding.await.expect("ends");
        match status {
            201 => drop(yes.insert((proposal, format!("person:person {number}")))),
            403 | 409 => assert!(!reason.is_empty(), "person {number} on {proposal}"),
            other => panic!("person {number} on {proposal}: {other} {reason}"),
        }
    }
    let records = all_done(&server, &id).await;
    once_each(&records, &yes);
    let world = shop.world();
    for service in &world.naming.services[..OFFERS] {
        let acts = world.changes().iter().filter(|change| {
            change.author == "platform" && world.naming.services[change.service] == *service
        });
        assert_eq!(acts.count(), 1, "{service} was changed");
    }
    place.done(&["audit", "verify", "--anchors", "--data", "data"]);
}

/// What was answered with yes is there once; what ran was agreed to by two, and ran once.
fn once_each(records: &Value, yes: &BTreeSet<(String, String)>) {
    let mut decisions: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for line in records["items"].as_array().expect("records") {
        let record = &line["record"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let proposal = text(&record["event"]["proposal"]);
        match record["event"]["kind"].as_str() {
            Some("decided") => {
                let key = (proposal, text(&record["actor"]["subject"]));
                *decisions.entry(key).or_default() += 1;
            }
            Some("execution_started") => *starts.entry(proposal).or_default() += 1,
            _ => {}
        }
    }
    for made in yes {
        assert_eq!(
            decisions.get(made),
            Some(&1),
            "{made:?} was answered with 201"
        );
    }
    assert!(decisions.values().all(|count| *count == 1), "{decisions:?}");
    for proposal in starts.keys() {
        let agreed = decisions.keys().filter(|(on, _)| on == proposal).count();
        assert!(agreed >= 2, "{proposal} ran with {agreed} people's yes");
    }
    assert_eq!(starts.len(), OFFERS, "{starts:?}");
    assert!(starts.values().all(|count| *count == 1), "{starts:?}");
}

/// The records once each offer has run and was judged.
async fn all_done(server: &Server, id: &str) -> Value {
    let path = format!("/incidents/{id}");
    server
        .until(&path, |incident| {
            let stages = incident["proposals"].as_array()?;
            let over = |state: &&Value| state["stage"] == "checked";
            (stages.iter().filter(over).count() == OFFERS).then_some(())
        })
        .await;
    let answer = Answer::of(server.ask(Method::GET, &format!("{path}/records?limit=10000"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.body
}
