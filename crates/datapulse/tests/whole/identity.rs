//! Logins and tokens through a real OpenID provider (`xtask/servers/openid`), which `cargo xtask
//! test` installs and names in the environment.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reqwest::{Method, StatusCode, Url, header};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::story;

/// Where the provider is installed.
const VARIABLE: &str = "DATAPULSE_TEST_OPENID";

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The provider, ended with the test.
struct Provider {
    child: Child,
    issuer: String,
}

impl Provider {
    fn start(callback: &str) -> Self {
        let folder = PathBuf::from(std::env::var(VARIABLE).unwrap_or_else(|_| {
            panic!("{VARIABLE} names no folder with the provider: run `cargo xtask test`")
        }));
        let port = free_port();
        let mut child = Command::new("node")
            .arg(folder.join("provider.mjs"))
            .args([&port.to_string(), callback])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = lines.next().expect("a line").expect("text");
        assert!(ready.starts_with("ready"), "{ready}");
        // Read on, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            issuer: format!("http://127.0.0.1:{port}"),
        }
    }

    /// Another key from now on.
    fn rotate(&self) {
        let done = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status();
        assert!(done.expect("runs").success());
    }

    /// A machine's token.
    async fn machine(&self, http: &reqwest::Client, scope: &str) -> String {
        let body = format!(
            "grant_type=client_credentials&scope={}",
            scope.replace(' ', "+")
        );
        let answer = http
            .post(format!("{}/token", self.issuer))
            .basic_auth("robot", Some("robot-secret-for-tests-only"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = Answer::of(answer).await;
        text(&answer.body, "access_token")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Value, key: &str) -> String {
    let text = value[key].as_str();
    text.unwrap_or_else(|| panic!("no {key} in {value}"))
        .to_owned()
}

/// Provider and server that know each other.
struct Both {
    provider: Provider,
    server: Server,
    incident: String,
    _place: Place,
}

async fn both() -> Both {
    let place = Place::new();
    let incident = story::write(&place).await.to_string();
    let port = free_port();
    let callback = format!("http://127.0.0.1:{port}{API}/oidc/callback");
    let provider = Provider::start(&callback);
    place.write(
        "datapulse.toml",
        &format!(
            "[retention]\ntelemetry_days = 0\n[server]\nlisten = \"127.0.0.1:{port}\"\n[identity]\nissuer = \"{}\"\nclient_id = \"web\"\nclient_secret_env = \"WEB_SECRET\"\nredirect_url = \"{callback}\"\ncli_client_id = \"cli\"\naudience = \"datapulse\"\n[identity.groups]\nresponders = \"responder\"\nadmins = \"admin\"\nviewers = [\"incidents:read\"]\n[identity.machines]\nrobot = \"responder\"\n",
            provider.issuer
        ),
    );
    let secret = [("WEB_SECRET", "web-secret-for-tests-only")];
    let server = Server::start_as_configured(&place, &secret);
    Both {
        provider,
        server,
        incident,
        _place: place,
    }
}

/// A browser as far as logins need one: it keeps cookies and fills in the provider's forms.
struct Browser<'a> {
    http: &'a reqwest::Client,
    /// By port: both servers are on one host.
    cookies: BTreeMap<u16, BTreeMap<String, String>>,
}

/// A page, or where it wants to send the browser.
struct Page {
    status: StatusCode,
    url: Url,
    next: Option<Url>,
    body: String,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self {
            http: &server.http,
            cookies: BTreeMap::new(),
        }
    }

    async fn visit(&mut self, url: Url, form: Option<&str>) -> Page {
        let method = if form.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let jar = self.cookies.entry(port).or_default();
        let cookies: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self
            .http
            .request(method, url.clone())
            .header(header::COOKIE, cookies.join("; "));
        if let Some(form) = form {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned());
        }
        let response = request.send().await.expect("an answer");
        for set in response.headers().get_all(header::SET_COOKIE) {
            let pair = set
                .to_str()
                .expect("text")
                .split(';')
                .next()
                .unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let next = response.headers().get(header::LOCATION);
        let next = next.map(|to| url.join(to.to_str().expect("text")).expect("an address"));
        Page {
            status: response.status(),
            next,
            url,
            body: response.text().await.expect("a body"),
        }
    }

    /// Logs in at the provider, up to the address that the browser is sent back to.
    async fn log_in(&mut self, start: Url, name: &str) -> Url {
        let mut page = self.visit(start, None).await;
        for _ in 0..12 {
            if page.url.path().ends_with("/oidc/callback") {
                return page.url;
            }
            page = match page.next.take() {
                Some(back) if back.path().ends_with("/callback") => return back,
                Some(next) => self.visit(next, None).await,
                None => {
                    let prompt = if page.body.contains("name=\"login\"") {
                        format!("prompt=login&login={name}&password=any")
                    } else {
                        "prompt=consent".to_owned()
                    };
                    self.visit(page.url, Some(&prompt)).await
                }
            };
        }
        panic!("no way back from {}", page.url);
    }

    async fn get(&mut self, server: &Server, path: &str) -> Value {
        let url = Url::parse(&format!("{}{API}{path}", server.url)).expect("an address");
        let page = self.visit(url, None).await;
        serde_json::from_str(&page.body).unwrap_or(Value::Null)
    }
}

fn start_of(server: &Server) -> Url {
    Url::parse(&format!("{}{API}/oidc/login", server.url)).expect("an address")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the OpenID provider that `cargo xtask test` installs"]
async fn a_browser_logs_in_and_decides_as_the_person_that_it_is() {
    let Both {
        provider,
        server,
        incident,
        ..
    } = both().await;
    let mut browser = Browser::new(&server);
    let back = browser.log_in(start_of(&server), "ada").await;
    let page = browser.visit(back.clone(), None).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let me = browser.get(&server, "/me").await;
    assert_eq!(
        (&me["name"], &me["role"]),
        (&json!("Ada"), &json!("responder")),
        "{me}"
    );
    // The same answer of the provider again: it was used up.
    let again = browser.visit(back, None).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{}", again.body);
    // Another browser gets nothing from an answer that isn't its own.
    let mut other = Browser::new(&server);
    let stolen = browser.log_in(start_of(&server), "ada").await;
    let refused = other.visit(stolen, None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("another browser"), "{}", refused.body);
    // A decision by session, with its CSRF token and not without.
    let path = format!("/incidents/{incident}/proposals");
    let seal = browser.get(&server, &path).await["items"][0]["seal"].clone();
    let session = browser
        .cookies
        .values()
        .find_map(|jar| jar.get("datapulse_session"));
    let decide = |csrf: Option<&str>| {
        let mut request = server
            .bare(Method::POST, &format!("{API}{path}/P1/decisions"))
            .header(
                header::COOKIE,
                format!("datapulse_session={}", session.expect("a session")),
            )
            .json(&json!({ "seal": seal, "approve": true, "reason": "yes" }));
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        Answer::of(request)
    };
    assert_eq!(decide(None).await.status, StatusCode::FORBIDDEN);
    let done = decide(me["csrf_token"].as_str()).await;
    assert_eq!(done.status, StatusCode::CREATED, "{done}");
    let by = &done.body["proposals"][0]["decisions"][0]["actor"];
    assert_eq!(
        (&by["subject"], &by["name"]),
        (&json!("oidc:ada"), &json!("Ada"))
    );
    let people = server.get("/people").await.body;
    assert_eq!(people["items"][0]["source"], "oidc", "{people}");
    // Who is disabled is out at once.
    let gone = json!({ "subject": "oidc:ada", "reason": "left" });
    assert_eq!(
        server.post("/people/disable", &gone).await.status,
        StatusCode::OK
    );
    assert!(browser.get(&server, "/me").await["name"].is_null());
    let mut back_again = Browser::new(&server);
    let back = back_again.log_in(start_of(&server), "ada").await;
    assert_eq!(
        back_again.visit(back, None).await.status,
        StatusCode::FORBIDDEN
    );
    drop(provider);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the OpenID provider that `cargo xtask test` installs"]
async fn who_has_no_group_has_no_role_and_a_new_key_is_found() {
    let Both {
        provider, server, ..
    } = both().await;
    let mut nil = Browser::new(&server);
    let back = nil.log_in(start_of(&server), "nil").await;
    let page = nil.visit(back, None).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("has no role here"), "{}", page.body);
    assert!(nil.get(&server, "/me").await["name"].is_null());
    let mut vic = Browser::new(&server);
    let back = vic.log_in(start_of(&server), "vic").await;
    assert_eq!(vic.visit(back, None).await.status, StatusCode::OK);
    let me = vic.get(&server, "/me").await;
    assert_eq!(me["scopes"], json!(["incidents:read"]), "{me}");
    // The provider changes its key between two logins.
    provider.rotate();
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    let mut bob = Browser::new(&server);
    let back = bob.log_in(start_of(&server), "bob").await;
    let page = bob.visit(back, None).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    // A made-up state, and the provider away.
    let made_up = format!("{}{API}/oidc/callback?code=x&state=y", server.url);
    let page = bob
        .visit(Url::parse(&made_up).expect("an address"), None)
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    drop(provider);
    let mut late = Browser::new(&server);
    let first = late.visit(start_of(&server), None).await;
    assert_eq!(
        first.status,
        StatusCode::SEE_OTHER,
        "what is known of the provider is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the OpenID provider that `cargo xtask test` installs"]
async fn signed_tokens_of_machines_read_and_never_decide() {
    let Both {
        provider,
        server,
        incident,
        ..
    } = both().await;
    let all = "incidents:read incidents:write actions:approve tools:manage";
    let token = provider.machine(&server.http, all).await;
    let ask = |method: Method, path: &str, token: &str| {
        server
            .bare(method, &format!("{API}{path}"))
            .bearer_auth(token)
    };
    let me = Answer::of(ask(Method::GET, "/me", &token)).await;
    assert_eq!(me.status, StatusCode::OK, "{me}");
    assert_eq!(me.body["person"], false, "{me}");
    // The role's and the token's scopes, and no more.
    let scopes = json!(["incidents:read", "incidents:write", "actions:approve"]);
    assert_eq!(me.body["scopes"], scopes, "{me}");
    let narrow = provider.machine(&server.http, "incidents:read").await;
    let me = Answer::of(ask(Method::GET, "/me", &narrow)).await;
    assert_eq!(me.body["scopes"], json!(["incidents:read"]), "{me}");
    let path = format!("/incidents/{incident}/proposals");
    let proposals = Answer::of(ask(Method::GET, &path, &token)).await;
    let body = json!({ "seal": proposals.body["items"][0]["seal"], "approve": true });
    let decisions = ask(Method::POST, &format!("{path}/P1/decisions"), &token).json(&body);
    let refused = Answer::of(decisions).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    assert!(refused.reason().contains("machine"), "{refused}");
    // Half of a token, and one with another's signature.
    let (head, _) = token.rsplit_once('.').expect("three parts");
    for broken in [format!("{head}."), format!("{head}.AAAA")] {
        let refused = Answer::of(ask(Method::GET, "/me", &broken)).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused}");
    }
    let settings = Answer::of(server.bare(Method::GET, &format!("{API}/oidc/settings"))).await;
    assert_eq!(settings.body["cli_client_id"], "cli");
}

/// `datapulse login` at work, and the address that it wants opened.
fn logging_in(place: &Place, server: &Server, more: &[&str]) -> (Child, String, String) {
    let mut arguments = vec!["login", "--server", &server.url];
    arguments.extend(more);
    let mut child = place
        .datapulse(&arguments)
        .env("XDG_CONFIG_HOME", place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let (mut address, mut code) = (String::new(), String::new());
    for line in lines.by_ref().map_while(Result::ok) {
        let line = line.trim();
        if line.starts_with("http") {
            address = line.to_owned();
        }
        if let Some(entered) = line.strip_prefix("and enter") {
            code = entered.trim().to_owned();
        }
        if !address.is_empty() && (more.is_empty() || !code.is_empty()) {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    (child, address, code)
}

fn ended(child: Child) -> String {
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the OpenID provider that `cargo xtask test` installs"]
async fn the_command_line_logs_in_as_a_person() {
    let both = both().await;
    let (server, place) = (&both.server, &both._place);
    let (child, address, _) = logging_in(place, server, &[]);
    let start = Url::parse(&address).expect("an address");
    assert!(
        start
            .query()
            .is_some_and(|query| query.contains("code_challenge_method=S256"))
    );
    let mut browser = Browser::new(server);
    let back = browser.log_in(start, "ada").await;
    // Another login's answer is turned away, and the right one is still waited for.
    let mut wrong = back.clone();
    wrong.set_query(Some("code=x&state=y"));
    assert_eq!(
        browser.visit(wrong, None).await.status,
        StatusCode::BAD_REQUEST
    );
    let page = browser.visit(back, None).await;
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    let said = ended(child);
    assert!(said.contains("logged in as Ada (responder)"), "{said}");
    let as_ada = |arguments: &[&str]| {
        let mut command = place.datapulse(arguments);
        command.env("XDG_CONFIG_HOME", place.path());
        command.output().expect("runs")
    };
    let id = both.incident.as_str();
    let done = as_ada(&[
        "action",
        "approve",
        id,
        "P1",
        "--reason",
        "yes",
        "--server",
        &server.url,
        "-o",
        "json",
    ]);
    assert!(done.status.success(), "{done:?}");
    let incident: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let by = &incident["proposals"][0]["decisions"][0]["actor"];
    assert_eq!(
        (&by["subject"], &by["via"]),
        (&json!("oidc:ada"), &json!("jwt"))
    );
    assert!(
        as_ada(&["login", "--forget", "--server", &server.url])
            .status
            .success()
    );
    let out = as_ada(&["incident", "list", "--server", &server.url]);
    assert!(!out.status.success(), "nobody any more: {out:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the OpenID provider that `cargo xtask test` installs"]
async fn the_command_line_logs_in_by_a_code_on_another_device() {
    let both = both().await;
    let (server, place) = (&both.server, &both._place);
    let (child, address, code) = logging_in(place, server, &["--device"]);
    let mut browser = Browser::new(server);
    // The form asks for the code, then for a confirmation, then who it is.
    let device = Url::parse(&address).expect("an address");
    let mut page = browser.visit(device.clone(), None).await;
    let mut tried = 0;
    while !page.body.contains("Sign-in Success") {
        tried += 1;
        assert!(tried < 16, "{}: {}", page.url, page.body);
        page = match page.next.take() {
            Some(next) => browser.visit(next, None).await,
            None if page.body.contains("name=\"login\"") => {
                let url = page.url.clone();
                browser
                    .visit(url, Some("prompt=login&login=bob&password=any"))
                    .await
            }
            None if page.body.contains("name=\"prompt\"") => {
                let url = page.url.clone();
                browser.visit(url, Some("prompt=consent")).await
            }
            None => {
                let xsrf = page.body.split("name=\"xsrf\" value=\"").nth(1);
                let xsrf = xsrf
                    .and_then(|rest| rest.split('"').next())
                    .expect("a form");
                let confirm = match page.body.contains("name=\"confirm\"") {
                    true => "&confirm=yes",
                    false => "",
                };
                let form = format!("xsrf={xsrf}&user_code={code}{confirm}");
                browser.visit(device.clone(), Some(&form)).await
            }
        };
    }
    let said = ended(child);
    assert!(said.contains("logged in as Bob (responder)"), "{said}");
}
