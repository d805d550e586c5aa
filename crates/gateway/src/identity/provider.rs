//! The OpenID provider: what it says of itself, its keys, and the exchange of a code. All of it
//! is fetched when needed and kept for a while.

use std::pin::Pin;
use std::time::{Duration, Instant};

use integrations::Secret;
use jsonwebtoken::jwk::JwkSet;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::bearer;
use super::settings::Settings;

/// Time for one answer of the provider.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of one answer.
pub(super) const MAX_ANSWER: usize = 1 << 20;
/// How long what the provider says of itself, and its keys, are believed.
pub(super) const KEPT: Duration = Duration::from_secs(600);
/// A key that isn't known makes us fetch again, at most so often: anybody may make up key ids.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Claims beside the standard ones: groups are under a name of the provider's choice.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MoreClaims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for MoreClaims {}

type Fields = IdTokenFields<
    MoreClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type WebClient = Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Where a browser is sent, and what is remembered until it comes back.
#[derive(Debug)]
pub struct Begun {
    pub url: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// Who came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// `sub`.
    pub subject: String,
    pub name: String,
    pub groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The provider can't be reached, or says nonsense: it isn't the caller's fault.
    #[error("the identity provider can't be used: {0}")]
    Provider(String),
    /// The login isn't one.
    #[error("this login doesn't hold: {0}")]
    Login(String),
}

struct Kept {
    metadata: CoreProviderMetadata,
    keys: JwkSet,
    fetched: Instant,
}

pub struct Provider {
    settings: Settings,
    secret: Option<Secret>,
    wire: Wire,
    kept: Mutex<Option<Kept>>,
    /// When it failed last, and how: it isn't asked again at once.
    failed: Mutex<Option<(Instant, Trouble)>>,
}

impl Provider {
    pub fn new(settings: Settings, secret: Option<Secret>) -> Result<Self, String> {
        Ok(Self {
            settings,
            secret,
            wire: Wire::new()?,
            kept: Mutex::new(None),
            failed: Mutex::new(None),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the provider says of itself, and its keys; `anew`: because a key is missing.
    async fn known(&self, anew: bool) -> Result<(CoreProviderMetadata, JwkSet), Trouble> {
        let mut kept = self.kept.lock().await;
        let life = if anew { AGAIN_AFTER } else { KEPT };
        if let Some(known) = kept.as_ref()
            && known.fetched.elapsed() < life
        {
            return Ok((known.metadata.clone(), known.keys.clone()));
        }
        let fetched = self.fetch_in_turn().await;
        match (fetched, kept.as_ref()) {
            (Ok(fresh), _) => {
                let known = (fresh.metadata.clone(), fresh.keys.clone());
                *kept = Some(fresh);
                Ok(known)
            }
            // What was true ten minutes ago is better than nobody being let in.
            (Err(trouble), Some(old)) => {
                metrics::counter!("identity_provider_failures_total").increment(1);
                tracing::warn!(%trouble, "the provider's keys can't be renewed");
                Ok((old.metadata.clone(), old.keys.clone()))
            }
            (Err(trouble), None) => {
                metrics::counter!("identity_provider_failures_total").increment(1);
                Err(trouble)
            }
        }
    }

    /// As [`Provider::fetch`]; soon after a failure, that failure.
    async fn fetch_in_turn(&self) -> Result<Kept, Trouble> {
        let mut failed = self.failed.lock().await;
        if let Some((at, trouble)) = failed.as_ref()
            && at.elapsed() < AGAIN_AFTER
        {
            return Err(trouble.clone());
        }
        let fetched = self.fetch().await;
        *failed = fetched
            .as_ref()
            .err()
            .map(|trouble| (Instant::now(), trouble.clone()));
        fetched
    }

    async fn fetch(&self) -> Result<Kept, Trouble> {
        let trouble = |what: &str, error: String| {
            Trouble::Provider(format!("{}: {what}: {error}", self.settings.issuer))
        };
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|error| trouble("issuer", error.to_string()))?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &self.wire)
            .await
            .map_err(|error| trouble("discovery", chain(&error)))?;
        let request = http::Request::get(metadata.jwks_uri().url().as_str())
            .body(Vec::new())
            .map_err(|error| trouble("keys", error.to_string()))?;
        let answer = self
            .wire
            .send(request)
            .await
            .map_err(|error| trouble("keys", error.to_string()))?;
        let keys = keys(answer.body()).map_err(|error| trouble("keys", error))?;
        Ok(Kept {
            metadata,
            keys,
            fetched: Instant::now(),
        })
    }

    fn client(&self, metadata: CoreProviderMetadata) -> Result<WebClient, Trouble> {
        let secret = self
            .secret
            .as_ref()
            .map(|secret| ClientSecret::new(secret.reveal().to_owned()));
        let redirect = RedirectUrl::new(self.settings.redirect_url.clone())
            .map_err(|error| Trouble::Provider(format!("redirect_url: {error}")))?;
        let id = ClientId::new(self.settings.client_id.clone());
        Ok(Client::from_provider_metadata(metadata, id, secret).set_redirect_uri(redirect))
    }

    /// A new login: authorization code with PKCE (S256), state and nonce.
    pub async fn begin(&self) -> Result<Begun, Trouble> {
        let (metadata, _) = self.known(false).await?;
        let client = self.client(metadata)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(openidconnect::Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        Ok(Begun {
            url: url.to_string(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
        })
    }

    /// A code for a person, whose ID token is checked.
    pub async fn finish(
        &self,
        code: String,
        nonce: &str,
        verifier: String,
    ) -> Result<Person, Trouble> {
        let (metadata, _) = self.known(false).await?;
        let client = self.client(metadata)?;
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Trouble::Provider(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let answer = exchange
            .request_async(&self.wire)
            .await
            .map_err(|error| match error {
                openidconnect::RequestTokenError::ServerResponse(said) => {
                    Trouble::Login(format!("the provider refuses the code: {}", said.error()))
                }
                other => Trouble::Provider(chain(&other)),
            })?;
        let token = answer
            .id_token()
            .ok_or_else(|| Trouble::Login("the provider gave no ID token".to_owned()))?;
        let nonce = Nonce::new(nonce.to_owned());
        let fails = |error: &dyn std::error::Error| Trouble::Login(chain(error));
        let first = token.claims(&self.verifier(&client), &nonce);
        let claims = match first {
            Ok(claims) => claims.clone(),
            // The key may be newer than what we keep.
            Err(openidconnect::ClaimsVerificationError::SignatureVerification(_)) => {
                let (metadata, _) = self.known(true).await?;
                let client = self.client(metadata)?;
                let again = token.claims(&self.verifier(&client), &nonce);
                again.map_err(|error| fails(&error))?.clone()
            }
            Err(error) => return Err(fails(&error)),
        };
        let all = &claims.additional_claims().all;
        let subject = claims.subject().as_str().to_owned();
        let standard = serde_json::to_value(&claims).unwrap_or_default();
        let name = standard
            .get(&self.settings.name_claim)
            .and_then(Value::as_str)
            .filter(|name| !name.trim().is_empty());
        Ok(Person {
            name: name.unwrap_or(&subject).to_owned(),
            groups: bearer::groups(all, &self.settings.groups_claim),
            subject,
        })
    }

    fn verifier<'a>(
        &self,
        client: &'a WebClient,
    ) -> openidconnect::IdTokenVerifier<'a, CoreJsonWebKey> {
        let allowed: Vec<CoreJwsSigningAlgorithm> = self
            .settings
            .algorithms
            .iter()
            .filter_map(|name| serde_json::from_value(Value::from(name.clone())).ok())
            .collect();
        client.id_token_verifier().set_allowed_algs(allowed)
    }

    /// The provider's keys; `anew`: one is missing.
    pub async fn keys(&self, anew: bool) -> Result<JwkSet, Trouble> {
        Ok(self.known(anew).await?.1)
    }
}

/// Requests to the provider.
pub struct Wire {
    http: reqwest::Client,
}

impl Wire {
    pub fn new() -> Result<Self, String> {
        // A redirect would send secrets where the provider's configuration isn't.
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { http })
    }
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let request = reqwest::Request::try_from(request)?;
        let mut answer = self.http.execute(request).await?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > MAX_ANSWER {
                return Err(Failed::Long);
            }
            body.extend_from_slice(&piece);
        }
        response.body(body).map_err(|_| Failed::Long)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    Long,
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    said
}

/// Keys of kinds that we don't know are left out: a provider may have others beside those.
pub(super) fn keys(body: &[u8]) -> Result<JwkSet, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let all = value["keys"].as_array().ok_or("there is no list of keys")?;
    Ok(JwkSet {
        keys: all
            .iter()
            .filter_map(|key| serde_json::from_value(key.clone()).ok())
            .collect(),
    })
}
