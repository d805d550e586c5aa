//! Each route asks of its caller what the table says, whoever comes.

use gateway::routes::{Access, Route, table};
use model::{Role, Scope};
use reqwest::StatusCode;

use crate::command::Place;
use crate::server::{Answer, Server};

/// Who may come.
struct Caller {
    name: String,
    /// `None`: without a token.
    role: Option<Role>,
    person: bool,
    secret: String,
}

/// Every role as a person and as a machine; outside agents and shippers are machines only.
async fn callers(server: &Server) -> Vec<Caller> {
    let nobody = Caller {
        name: "nobody".to_owned(),
        role: None,
        person: false,
        secret: String::new(),
    };
    let mut callers = vec![nobody];
    for role in Role::ALL {
        for person in [true, false] {
            if person && matches!(role, Role::Agent | Role::Shipper) {
                continue;
            }
            let kind = if person { "person" } else { "machine" };
            let name = format!("{kind} {}", role.name());
            let secret = server.token(&name, role.name(), person).await;
            callers.push(Caller {
                name,
                role: Some(role),
                person,
                secret,
            });
        }
    }
    callers
}

/// What the table says of a caller.
fn expected(access: Access, caller: &Caller) -> Option<StatusCode> {
    let scope = match access {
        Access::Public => return None,
        Access::Known if caller.role.is_some() => return None,
        Access::Known => return Some(StatusCode::UNAUTHORIZED),
        Access::Scope(scope) | Access::Person(scope) | Access::Signed(scope) => scope,
    };
    let Some(role) = caller.role else {
        return Some(StatusCode::UNAUTHORIZED);
    };
    let machine_decides = matches!(access, Access::Person(_)) && !caller.person;
    (!role.scopes().contains(&scope) || machine_decides).then_some(StatusCode::FORBIDDEN)
}

/// A route's path, about things that aren't there.
pub fn path(route: &Route) -> String {
    ["id", "pid", "eid", "name", "index"]
        .iter()
        .fold(route.path.clone(), |path, name| {
            path.replace(&format!("{{{name}}}"), "none-such")
        })
}

async fn ask(server: &Server, route: &Route, caller: &Caller) -> Answer {
    let mut request = server.bare(gateway::routes::method(route), &path(route));
    if caller.role.is_some() {
        request = request.bearer_auth(&caller.secret);
    }
    if route.path.ends_with("/stream") {
        // A stream doesn't end: its head says whether it was let in.
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let body = if status.is_success() {
            serde_json::Value::Null
        } else {
            response.json().await.expect("a problem")
        };
        return Answer {
            status,
            headers: reqwest::header::HeaderMap::new(),
            body,
        };
    }
    Answer::of(
        request
            .header("content-type", "application/json")
            .body("{}"),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_and_each_caller() {
    let place = Place::new();
    let server = Server::start(&place);
    let callers = callers(&server).await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for route in table() {
        for caller in &callers {
            let answer = ask(&server, &route, caller).await;
            asked += 1;
            let refused = matches!(
                answer.status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            let mut fine = match expected(route.access, caller) {
                Some(status) => answer.status == status && !answer.reason().is_empty(),
                None => !refused,
            };
            // By their own rules: only people log a browser in, or use a code that is right.
            fine |= route.path.ends_with("/login-links")
                && !caller.person
                && answer.status == StatusCode::FORBIDDEN;
            if !fine {
                wrong.push(format!(
                    "{} {} as {}: {answer}",
                    route.method, route.path, caller.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(asked, table().len() * callers.len());
}

/// Each role has what the one before has, no machine's role decides, and deciding alone is one
/// role's only.
#[test]
fn roles_grow() {
    let has = |role: Role, scope: Scope| role.scopes().contains(&scope);
    let of = |role: Role| {
        Scope::ALL
            .into_iter()
            .filter(|scope| has(role, *scope))
            .count()
    };
    assert!(of(Role::Viewer) < of(Role::Responder) && of(Role::Responder) < of(Role::Admin));
    for role in [Role::Agent, Role::Shipper, Role::Viewer] {
        assert!(!has(role, Scope::ActionsApprove), "{role:?}");
    }
    for role in Role::ALL {
        let alone = has(role, Scope::ActionsBreakGlass);
        assert_eq!(alone, role == Role::BreakGlass, "{role:?}");
    }
    for name in [
        "incidents:read",
        "incidents:write",
        "actions:approve",
        "tools:manage",
    ] {
        assert!(Scope::parse(name).is_some(), "{name}");
    }
}
