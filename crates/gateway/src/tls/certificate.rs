//! What a certificate says.

use std::net::IpAddr;

use der::Decode as _;
use model::Timestamp;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub subject: String,
    /// Names and addresses that it is for.
    pub names: Vec<String>,
    /// Who its holder is, as URIs.
    pub uris: Vec<String>,
    pub begins: Timestamp,
    pub ends: Timestamp,
}

/// Of its DER. Nothing is verified.
pub fn read(der: &[u8]) -> Result<Facts, String> {
    let fault = |error: der::Error| format!("not a certificate: {error}");
    let certificate = Certificate::from_der(der).map_err(fault)?;
    let known = &certificate.tbs_certificate;
    let other: Option<(bool, SubjectAltName)> = known.get().map_err(fault)?;
    let (mut names, mut uris) = (Vec::new(), Vec::new());
    for name in other.map(|(_, names)| names.0).unwrap_or_default() {
        match name {
            GeneralName::DnsName(name) => names.push(name.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => uris.push(uri.to_string()),
            GeneralName::IpAddress(bytes) => names.extend(address(bytes.as_bytes())),
            _ => {}
        }
    }
    let time = |time: x509_cert::time::Time| {
        let ms = time.to_unix_duration().as_millis();
        Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
    };
    Ok(Facts {
        subject: known.subject.to_string(),
        names,
        uris,
        begins: time(known.validity.not_before),
        ends: time(known.validity.not_after),
    })
}

fn address(bytes: &[u8]) -> Option<String> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(address.to_string())
}
