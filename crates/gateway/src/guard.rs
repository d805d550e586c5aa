//! Lets through who may, to the host that is ours.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Scope;
use tokio::sync::SemaphorePermit;

use crate::auth::{Principal, authenticate};
use crate::hooks::deployments::is_signed;
use crate::identity::machine::Machine;
use crate::intake;
use crate::problem::Problem;
use crate::routes::Access;
use crate::state::Gateway;
use crate::tls::Connection;
use crate::wrongs::Peer;

/// Lets through who may; the principal goes with the request.
pub async fn guard(
    State((gateway, access)): State<(Gateway, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Public {
        return next.run(request).await;
    }
    // Its handler checks the proof, which is over the body.
    if matches!(access, Access::Signed(_)) && is_signed(request.headers()) {
        return next.run(request).await;
    }
    let method = request.method().clone();
    // A process may ask its own router as somebody it has verified.
    let principal = match request.extensions().get::<Principal>() {
        Some(principal) => principal.clone(),
        None => match authenticate(
            &gateway,
            &method,
            request.headers(),
            Peer::of(request.extensions()),
            machine_of(&request),
        )
        .await
        {
            Ok(principal) => principal,
            Err(problem) => return problem.into_response(),
        },
    };
    if let Err(problem) = allowed(access, &principal) {
        return problem.into_response();
    }
    request.extensions_mut().insert(principal);
    if access == Access::Scope(Scope::TelemetryWrite) {
        return in_turn(&gateway, request, next).await;
    }
    next.run(request).await
}

/// The role whose certificate the connection was made with.
fn machine_of(request: &Request) -> Option<&Machine> {
    let connection = request.extensions().get::<ConnectInfo<Connection>>()?;
    connection.0.machine.as_ref()
}

/// A turn is taken before the body is read. Where too many wait, senders are told to keep what
/// they have and to come again: their own buffers are where it waits best.
async fn in_turn(gateway: &Gateway, request: Request, next: Next) -> Response {
    let turn = match gateway.intake.try_acquire() {
        Ok(turn) => Ok(turn),
        Err(_) => waited(gateway).await,
    };
    let _turn = match turn {
        Ok(turn) => turn,
        Err(problem) => {
            let retry = [(header::RETRY_AFTER, "1")];
            return (retry, problem).into_response();
        }
    };
    match tokio::time::timeout(intake::MAX_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let seconds = intake::MAX_TIME.as_secs();
            let text = format!("the request took longer than {seconds} s: send smaller batches");
            Problem::new(StatusCode::REQUEST_TIMEOUT, text).into_response()
        }
    }
}

async fn waited(gateway: &Gateway) -> Result<SemaphorePermit<'_>, Problem> {
    let full = || {
        let text = format!(
            "{} requests with telemetry are read and {} wait already: send this one again later",
            intake::MAX_AT_ONCE,
            intake::MAX_WAITING
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, text)
    };
    let _place = gateway.intake_queue.try_acquire().map_err(|_| full())?;
    match tokio::time::timeout(intake::MAX_WAIT, gateway.intake.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(full()),
    }
}

fn allowed(access: Access, principal: &Principal) -> Result<(), Problem> {
    let scope = match access {
        Access::Public | Access::Known => return Ok(()),
        Access::Scope(scope) | Access::Person(scope) | Access::Signed(scope) => scope,
    };
    if !principal.may(scope) {
        let name = scope.name();
        return Err(Problem::forbidden(format!(
            "this needs the scope {name}, which {} ({}) has not",
            principal.name,
            principal.role.name()
        )));
    }
    if matches!(access, Access::Person(_)) && !principal.person {
        return Err(Problem::forbidden(
            "only a person decides: this is a machine's token",
        ));
    }
    Ok(())
}

/// Refuses requests that name a host that isn't ours: a page elsewhere can point its own name at
/// a loopback address and so reach this server from a browser.
pub async fn hosts(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::HOST);
    let header = header.and_then(|value| value.to_str().ok());
    // HTTP/2 has it in the address.
    let authority = request.uri().authority().map(|name| name.as_str());
    let named = header
        .or(authority)
        .map(|host| without_port(host).to_ascii_lowercase());
    let known = &gateway.options.hosts;
    match named {
        Some(name) if !known.is_empty() && !known.contains(&name) => Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!(
                "this server isn't {name}: it answers to {}",
                known.join(", ")
            ),
        )
        .into_response(),
        _ => next.run(request).await,
    }
}

/// `localhost:5610`, `[::1]:5610` and the same without a port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn a_port_is_no_part_of_a_name() {
        let names = [
            "localhost",
            "localhost:5610",
            "[::1]",
            "[::1]:5610",
            "127.0.0.1:",
        ];
        let without = names.map(without_port);
        assert_eq!(
            without,
            ["localhost", "localhost", "[::1]", "[::1]", "127.0.0.1"]
        );
    }
}
