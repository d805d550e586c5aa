//! Who a process is: keys by role, certificates, and what of them is moved where.

use std::time::Duration;

use reqwest::{Certificate, Client, Identity, StatusCode};
use serde_json::{Value, json};

use crate::approvals::{ada, slipped_in};
use crate::command::Place;
use crate::server::{API, Server};
use crate::story;

const PASSPHRASE: &str = "correct horse battery";

/// Names of acts in the system chain.
fn acts(page: &Value) -> Vec<String> {
    let none = Vec::new();
    let items = page["items"].as_array().unwrap_or(&none);
    items
        .iter()
        .map(|line| line["record"]["event"]["act"]["kind"].to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_while_the_server_runs_and_all_records_verify() {
    let place = Place::new();
    let _ = story::write(&place).await;
    let server = Server::start(&place);
    let before = server.token("before", "viewer", false).await;
    assert!(!before.is_empty());
    let keys = |place: &Place| place.json(&["keys", "list", "--data", "data", "-o", "json"]);
    let items = keys(&place)["items"].as_array().expect("a list").len();
    assert_eq!(items, 6);
    place.done(&[
        "keys",
        "rotate",
        "gateway",
        "--overlap",
        "10",
        "--data",
        "data",
    ]);
    let retired = |page: &Value| {
        let acts = acts(page);
        let said = acts.iter().any(|act| act.contains("key_retired"));
        said.then_some(())
    };
    server.until("/audit/system?limit=1000", retired).await;
    server.token("after", "viewer", false).await;
    // Past the overlap, only the new key counts, and what the old one signed still verifies.
    tokio::time::sleep(Duration::from_secs(11)).await;
    server.token("later", "viewer", false).await;
    let verified = server.get("/audit").await;
    assert_eq!(verified.body["intact"], true, "{verified}");
    drop(server);
    place.done(&["audit", "verify", "--data", "data"]);
    let listed = keys(&place);
    let items = listed["items"].as_array().expect("a list");
    let gateways: Vec<&Value> = items
        .iter()
        .filter(|key| key["role"] == "gateway")
        .collect();
    assert_eq!(gateways.len(), 2, "{listed}");
    assert!(
        gateways[0]["until"].is_string() && gateways[0]["private"] == false,
        "{listed}"
    );
    assert!(
        gateways[1]["until"].is_null() && gateways[1]["private"] == true,
        "{listed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_agents_had_together_is_split_and_old_journals_verify() {
    let place = Place::new();
    let id = story::write(&place).await;
    // The folder as it was: the gateway's key, and one for all agents.
    let keys = place.data().join("keys");
    std::fs::create_dir_all(&keys).expect("a folder");
    let signer = |number: u8| model::Signer::new(&[number; 32]);
    let since = casework::Clock::wall().now();
    let ring = [
        model::Trusted::new(&signer(1), &[model::Writer::Gateway], since),
        model::Trusted::new(&signer(2), &model::Writer::AGENTS, since),
    ];
    std::fs::write(keys.join("gateway.key"), hex::encode([1; 32])).expect("written");
    std::fs::write(keys.join("agents.key"), hex::encode([2; 32])).expect("written");
    let ring = serde_json::to_vec(&ring).expect("text");
    std::fs::write(keys.join("trusted.json"), ring).expect("written");
    let noted = |_: &model::Incident| {
        let text = "seen".to_owned();
        (ada(), model::Event::NoteAdded { text })
    };
    slipped_in(&place, &id, noted, Some(signer(1))).await;
    let asked = |_: &model::Incident| {
        let reason = "look".to_owned();
        let analyst = model::Actor::agent(model::actor::Agent::Analyst);
        (analyst, model::Event::PersonNeeded { reason })
    };
    slipped_in(&place, &id, asked, Some(signer(2))).await;
    let server = Server::start(&place);
    let page = server.get("/audit/system?limit=1000").await.body;
    let made = acts(&page);
    let count = |name: &str| made.iter().filter(|act| act.contains(name)).count();
    assert_eq!(
        (count("key_trusted"), count("key_retired")),
        (5, 1),
        "{made:?}"
    );
    drop(server);
    assert!(!keys.join("agents.key").exists());
    // Again, nothing changes.
    let server = Server::start(&place);
    let page = server.get("/audit/system?limit=1000").await.body;
    let again = acts(&page)
        .iter()
        .filter(|act| act.contains("key_trusted"))
        .count();
    assert_eq!(again, 5);
    drop(server);
    place.done(&["audit", "verify", "--data", "data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_keys_open_elsewhere_and_backups_hold_none() {
    let place = Place::new();
    let _ = story::write(&place).await;
    drop(Server::start(&place));
    let backup = place.done(&["store", "backup", "saved", "--data", "data"]);
    assert!(backup.out.contains("keys export"), "{backup}");
    assert!(!place.path().join("saved/keys").exists());
    place.write("passphrase", PASSPHRASE);
    let with = ["--passphrase-file", "passphrase"];
    let mut export = vec!["keys", "export", "sealed", "--data", "data"];
    export.extend(with);
    place.done(&export);
    assert_eq!(place.run(&export).code, 1, "a file that is there stays");
    place.done(&["store", "restore", "saved", "--data", "back"]);
    let mut import = vec!["keys", "import", "sealed", "--data", "back"];
    import.extend(with);
    place.done(&import);
    let ring = |folder: &str| std::fs::read(place.path().join(folder).join("keys/trusted.json"));
    assert_eq!(ring("back").expect("a ring"), ring("data").expect("a ring"));
    place.done(&["audit", "verify", "--data", "back"]);
    place.write("passphrase", "another passphrase");
    let mut elsewhere = vec!["keys", "import", "sealed", "--data", "elsewhere"];
    elsewhere.extend(with);
    let refused = place.run(&elsewhere);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.err.contains("doesn't open"), "{refused}");
}

/// A server behind TLS whose address is on the first line that it says.
fn behind_tls(place: &Place) -> (Server, String) {
    place.done(&["pki", "init", "pki", "--name", "127.0.0.1"]);
    place.write(
        "datapulse.toml",
        "[retention]\ntelemetry_days = 0\n[server.tls]\ncert = \"pki/gateway.crt\"\nkey = \"pki/gateway.key\"\nclient_ca = \"pki/ca.crt\"\n",
    );
    let server = Server::start(place);
    let said = server.said();
    let url = said
        .split_whitespace()
        .find(|word| word.starts_with("https://"))
        .unwrap_or_else(|| panic!("no address: {said}"));
    (server, url.to_owned())
}

fn client(place: &Place, role: Option<&str>) -> Client {
    let read = |name: &str| std::fs::read(place.path().join("pki").join(name)).expect("a file");
    let ca = Certificate::from_pem(&read("ca.crt")).expect("a certificate");
    let mut client = Client::builder().tls_certs_only([ca]).no_proxy();
    if let Some(role) = role {
        let mut pem = read(&format!("{role}.key"));
        pem.extend(read(&format!("{role}.crt")));
        client = client.identity(Identity::from_pem(&pem).expect("a pair"));
    }
    client.build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_comes_by_its_certificate_and_never_decides() {
    let place = Place::new();
    let id = story::write(&place).await;
    let (server, url) = behind_tls(&place);
    let person = server.token("ada", "responder", true).await;
    let decide = format!("{url}{API}/incidents/{id}/proposals/P1/decisions");
    let body = json!({ "approve": true, "seal": "0", "reason": "trust me" });
    for role in ["executor", "analyst", "gateway"] {
        let client = client(&place, Some(role));
        let me = client
            .get(format!("{url}{API}/me"))
            .send()
            .await
            .expect("an answer");
        let me: Value = me.json().await.expect("JSON");
        assert_eq!(me["person"], false, "{me}");
        assert_eq!(me["name"], role, "{me}");
        let list = client.get(format!("{url}{API}/incidents")).send().await;
        assert_eq!(list.expect("an answer").status(), StatusCode::OK, "{role}");
        // Not even with the token of somebody who may.
        let sent = client.post(&decide).bearer_auth(&person).json(&body).send();
        let answer = sent.await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{role}");
    }
    // A person needs no certificate; nobody at all is let in no further for TLS.
    let browser = client(&place, None);
    let list = format!("{url}{API}/incidents");
    let nobody = browser.get(&list).send().await.expect("an answer");
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let ada = browser.get(&list).bearer_auth(&person).send().await;
    assert_eq!(ada.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_comes_by_tls_with_an_authority_and_a_certificate() {
    let place = Place::new();
    let _ = story::write(&place).await;
    let (server, url) = behind_tls(&place);
    let here = ["--server", &url, "--ca", "pki/ca.crt"];
    let by = |more: &[&str]| {
        let mut arguments = vec!["incident", "list"];
        arguments.extend(here);
        arguments.extend(more);
        place.run(&arguments)
    };
    let machine = by(&["--cert", "pki/notifier.crt", "--key", "pki/notifier.key"]);
    assert_eq!(machine.code, 0, "{machine}");
    let person = by(&["--token", &server.token]);
    assert_eq!(person.code, 0, "{person}");
    assert_ne!(by(&[]).code, 0, "nobody");
    let strange = place.run(&[
        "incident",
        "list",
        "--server",
        &url,
        "--token",
        &server.token,
    ]);
    assert_ne!(strange.code, 0, "an authority that the system doesn't know");
    // Beside the server, commands go on without any of it.
    place.done(&["incident", "list", "--data", "data"]);
    place.done(&["pki", "show", "pki"]);
}
