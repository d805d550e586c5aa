//! `datapulse login`: a person's token from the server's identity provider, by a browser on this
//! machine (authorization code with PKCE, RFC 8252) or on another one (device code, RFC 8628).

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use casework::Clock;
use gateway::identity::provider::Wire;
use model::Scope;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreDeviceAuthorizationResponse, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthorizationCode, ClientId, CsrfToken, DeviceAuthorizationUrl,
    IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, ProviderMetadata, RedirectUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::arguments::{Login, Output};
use crate::client::Client;
use crate::context::Context as Here;
use crate::logins;
use crate::print;

/// A person may take so long to log in.
const PATIENCE: Duration = Duration::from_secs(600);
/// A login is kept so long where the provider doesn't say how long the token lives.
const USUAL_LIFE: Duration = Duration::from_secs(300);
/// Bytes of the request that brings the browser back.
const MAX_REQUEST: usize = 16 * 1024;

/// What the standard's own list of a provider's abilities lacks.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Device {
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
}

impl AdditionalProviderMetadata for Device {}

type Metadata = ProviderMetadata<
    Device,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

pub async fn run(here: &Here, arguments: Login) -> Result<u8> {
    let server = here.server()?;
    if arguments.forget {
        logins::keep(server.url(), None)?;
        return said(
            here,
            &json!({ "server": server.url(), "logged_in": false }),
            "logged out",
        );
    }
    let settings = server.get("/oidc/settings").await?;
    let (Some(issuer), Some(client)) = (
        settings["issuer"].as_str(),
        settings["cli_client_id"].as_str(),
    ) else {
        bail!(
            "{} has no identity provider for the command line: set identity.issuer and identity.cli_client_id there, or use a token (datapulse token create)",
            server.url()
        );
    };
    let wire = Wire::new().map_err(anyhow::Error::msg)?;
    let issuer = IssuerUrl::new(issuer.to_owned())?;
    let metadata = Metadata::discover_async(issuer, &wire)
        .await
        .context("the identity provider can't be asked")?;
    let asked = scopes(&settings);
    let answer = match arguments.device {
        true => by_device(&wire, metadata, client, &asked).await?,
        false => by_browser(&wire, metadata, client, &asked).await?,
    };
    let life = answer.expires_in().unwrap_or(USUAL_LIFE);
    let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
    let login = logins::Login {
        token: answer.access_token().secret().clone(),
        expires_at: Clock::wall().now().plus_ms(life_ms),
    };
    let expires = login.expires_at;
    // As whoever it makes us, before it is kept.
    let me = Client::at(server.url(), &here.everywhere)?
        .with_token(&login.token)
        .get("/me")
        .await
        .context("the server doesn't take the provider's token: it needs identity.audience, and access tokens that are JWTs")?;
    logins::keep(server.url(), Some(login))?;
    let name = me["name"].as_str().unwrap_or_default();
    let text = format!(
        "logged in as {} ({}) until {expires}",
        print::plain(name),
        me["role"].as_str().unwrap_or_default()
    );
    let told = json!({ "server": server.url(), "logged_in": true, "name": name, "role": me["role"], "scopes": me["scopes"], "expires_at": expires });
    said(here, &told, &text)
}

fn said(here: &Here, told: &Value, text: &str) -> Result<u8> {
    match here.output {
        Output::Json => print::json(told)?,
        Output::Text => println!("{text}"),
    }
    Ok(0)
}

/// What the server asks for at logins, and all that a person may do.
fn scopes(settings: &Value) -> Vec<openidconnect::Scope> {
    let none = Vec::new();
    let of_login = settings["scopes"].as_array().unwrap_or(&none).iter();
    let ours = [
        Scope::IncidentsRead,
        Scope::IncidentsWrite,
        Scope::ActionsApprove,
        Scope::ToolsManage,
    ];
    of_login
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .chain(ours.map(|scope| scope.name().to_owned()))
        .filter(|scope| scope != "openid")
        .map(openidconnect::Scope::new)
        .collect()
}

async fn by_browser(
    wire: &Wire,
    metadata: Metadata,
    client: &str,
    scopes: &[openidconnect::Scope],
) -> Result<CoreTokenResponse> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("no port for the browser to come back to: try --device")?;
    let back = format!("http://{}/callback", listener.local_addr()?);
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(client.to_owned()), None)
            .set_redirect_uri(RedirectUrl::new(back)?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .set_pkce_challenge(challenge);
    for scope in scopes {
        request = request.add_scope(scope.clone());
    }
    let (url, state, nonce) = request.url();
    eprintln!("open in a browser on this machine (elsewhere: --device):\n\n  {url}\n");
    let code = tokio::time::timeout(PATIENCE, came_back(&listener, state.secret()))
        .await
        .context("nobody logged in within ten minutes")??;
    let answer = client
        .exchange_code(AuthorizationCode::new(code))?
        .set_pkce_verifier(verifier)
        .request_async(wire)
        .await
        .context("the identity provider refuses the login")?;
    // Whoever answered is who was asked, and answered this very question.
    use openidconnect::TokenResponse as _;
    let id_token = answer.id_token().context("the provider gave no ID token")?;
    id_token
        .claims(&client.id_token_verifier(), &nonce)
        .context("the identity provider's answer doesn't hold")?;
    Ok(answer)
}

/// Waits for the browser with the right state; whatever else comes to the port is turned away.
async fn came_back(listener: &TcpListener, state: &str) -> Result<String> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let Some(query) = query_of(&mut stream).await else {
            tell(&mut stream, "404 Not Found", "Nothing is here.").await;
            continue;
        };
        let of = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        if of("state").as_deref() != Some(state) {
            tell(
                &mut stream,
                "400 Bad Request",
                "This is another login's answer.",
            )
            .await;
            continue;
        }
        if let Some(error) = of("error") {
            tell(
                &mut stream,
                "200 OK",
                "The login was refused. You can close this page.",
            )
            .await;
            bail!("the identity provider says {}", print::plain(&error));
        }
        let code = of("code").context("the browser came back without a code")?;
        tell(
            &mut stream,
            "200 OK",
            "You are logged in. You can close this page.",
        )
        .await;
        return Ok(code);
    }
}

/// What stands behind the question mark of `GET /callback?…`.
async fn query_of(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_REQUEST && !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 2048];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut piece));
        match read.await {
            Ok(Ok(count)) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let target = text
        .lines()
        .next()?
        .strip_prefix("GET ")?
        .split(' ')
        .next()?;
    target.strip_prefix("/callback?").map(str::to_owned)
}

async fn tell(stream: &mut TcpStream, status: &str, text: &str) {
    let page = format!("<!doctype html><html lang=en><title>DataPulse</title><p>{text}</p></html>");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    // Whether the browser shows it is no part of the login.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn by_device(
    wire: &Wire,
    metadata: Metadata,
    client: &str,
    scopes: &[openidconnect::Scope],
) -> Result<CoreTokenResponse> {
    let device = metadata
        .additional_metadata()
        .device_authorization_endpoint
        .clone()
        .context("the identity provider has no device login: leave --device out")?;
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(client.to_owned()), None)
            .set_device_authorization_url(device);
    let mut request = client.exchange_device_code();
    for scope in scopes {
        request = request.add_scope(scope.clone());
    }
    let details: CoreDeviceAuthorizationResponse = request
        .request_async(wire)
        .await
        .context("the identity provider refuses a device login")?;
    eprintln!(
        "open on any device:\n\n  {}\n\nand enter  {}\n",
        details.verification_uri().as_str(),
        details.user_code().secret()
    );
    let answer = client
        .exchange_device_access_token(&details)?
        .request_async(wire, tokio::time::sleep, Some(PATIENCE))
        .await
        .context("nobody logged in with that code")?;
    Ok(answer)
}
