//! Handshakes over real sockets, with certificates made here.

use std::path::Path;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use model::Writer;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};

use super::*;
use crate::identity::machine::Post;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { pem, issuer }
    }

    /// Certificate and key.
    fn issue(&self, uris: &[&str]) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned()];
        let mut params = CertificateParams::new(names).expect("a name");
        for uri in uris {
            let uri = (*uri).try_into().expect("a URI");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }
}

struct Served {
    place: tempfile::TempDir,
    tls: Arc<Tls>,
    url: String,
}

fn put(place: &Path, (cert, key): &(String, String)) {
    std::fs::write(place.join("cert"), cert).expect("written");
    std::fs::write(place.join("key"), key).expect("written");
}

/// A server that says whom it sees.
async fn served(authority: &Authority, require_client_cert: bool) -> Served {
    let place = tempfile::tempdir().expect("a folder");
    put(place.path(), &authority.issue(&[]));
    std::fs::write(place.path().join("ca"), &authority.pem).expect("written");
    let tls = Tls::open(Files {
        cert: place.path().join("cert"),
        key: place.path().join("key"),
        client_ca: Some(place.path().join("ca")),
        require_client_cert,
    });
    let tls = tls.expect("right");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let router = Router::new().route(
        "/",
        get(|ConnectInfo(of): ConnectInfo<Connection>| async move {
            of.machine
                .map_or("nobody".to_owned(), |machine| machine.subject)
        }),
    );
    tokio::spawn(crate::serve::serve(
        listener,
        Some(tls.clone()),
        router,
        std::future::pending(),
    ));
    let url = format!("https://localhost:{port}/");
    Served { place, tls, url }
}

async fn asked(
    served: &Served,
    trusted: &Authority,
    shown: Option<(String, String)>,
) -> Result<String, reqwest::Error> {
    let ca = reqwest::Certificate::from_pem(trusted.pem.as_bytes()).expect("a certificate");
    let mut client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy();
    if let Some((cert, key)) = shown {
        let pem = format!("{key}\n{cert}");
        client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).expect("a pair"));
    }
    let client = client.build().expect("a client");
    client.get(&served.url).send().await?.text().await
}

#[tokio::test]
async fn a_certificate_names_a_role_and_browsers_need_none() {
    let ours = Authority::new();
    let served = served(&ours, false).await;
    let as_whom = async |uris: &[&str]| asked(&served, &ours, Some(ours.issue(uris))).await;
    assert_eq!(
        asked(&served, &ours, None).await.expect("an answer"),
        "nobody"
    );
    let executor = "spiffe://datapulse/executor";
    assert_eq!(as_whom(&[executor]).await.expect("an answer"), executor);
    // One of the same authority that names no role of ours, or two of them.
    assert_eq!(as_whom(&[]).await.expect("an answer"), "nobody");
    let two = as_whom(&[executor, "spiffe://datapulse/gateway"]).await;
    assert_eq!(two.expect("an answer"), "nobody");
    // Another authority's is no certificate here, whatever it says.
    let theirs = Authority::new();
    let forged = asked(&served, &ours, Some(theirs.issue(&[executor]))).await;
    assert!(forged.is_err(), "{forged:?}");
}

#[tokio::test]
async fn where_certificates_are_required_nobody_comes_in_without_one() {
    let ours = Authority::new();
    let served = served(&ours, true).await;
    assert!(asked(&served, &ours, None).await.is_err());
    let analyst = Some(ours.issue(&["spiffe://datapulse/analyst"]));
    assert!(asked(&served, &ours, analyst).await.is_ok());
}

#[tokio::test]
async fn new_files_are_taken_up_and_broken_ones_are_not() {
    let ours = Authority::new();
    let served = served(&ours, false).await;
    assert_eq!(served.tls.reload(), Ok(false));
    // A certificate whose key is another's.
    let (cert, _) = ours.issue(&[]);
    std::fs::write(served.place.path().join("cert"), cert).expect("written");
    let fault = served.tls.reload().expect_err("is refused");
    assert!(fault.contains("cert"), "{fault}");
    assert!(
        asked(&served, &ours, None).await.is_ok(),
        "the old one counts"
    );
    // Another authority's: who trusts it comes in, and who trusts the old one doesn't.
    let next = Authority::new();
    put(served.place.path(), &next.issue(&[]));
    assert_eq!(served.tls.reload(), Ok(true));
    assert!(asked(&served, &next, None).await.is_ok());
    assert!(asked(&served, &ours, None).await.is_err());
    std::fs::remove_file(served.place.path().join("key")).expect("removed");
    assert!(
        served
            .tls
            .reload()
            .is_err_and(|fault| fault.contains("key"))
    );
    assert!(asked(&served, &next, None).await.is_ok());
}

#[tokio::test]
async fn whoever_says_nothing_holds_up_nobody() {
    let ours = Authority::new();
    let served = served(&ours, false).await;
    let address = served
        .url
        .trim_start_matches("https://")
        .trim_end_matches('/');
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(TcpStream::connect(address).await.expect("a connection"));
    }
    assert!(asked(&served, &ours, None).await.is_ok());
}

#[test]
fn a_certificate_tells_what_it_says() {
    use rustls_pki_types::pem::PemObject as _;
    let (pem, _) = Authority::new().issue(&["spiffe://datapulse/notifier"]);
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let facts = certificate::read(&der).expect("a certificate");
    assert_eq!(facts.names, ["localhost"]);
    let machine = Machine::of_certificate(&facts.uris).expect("a role");
    assert_eq!(machine.post, Post::Ours(Writer::Notifier));
    assert!(certificate::read(b"no certificate").is_err());
}
