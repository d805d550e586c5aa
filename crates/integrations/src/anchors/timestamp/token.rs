//! What a `TimeStampToken` proves: RFC 3161 (2.4.2), in a `SignedData` of RFC 5652 (5.4, 5.6) that
//! names its certificate as RFC 2634 and RFC 5816 want it.

use std::time::Duration;

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Int, OctetString};
use der::oid::ObjectIdentifier;
use der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_CE_EXT_KEY_USAGE,
    ID_KP_TIME_STAMPING, ID_RSASSA_PSS, ID_SHA_256, ID_SHA_384, ID_SHA_512, RSA_ENCRYPTION,
    SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use der::{Any, Decode as _, Encode as _, Sequence, Tag, Tagged as _};
use model::Timestamp;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use webpki::{EndEntityCert, KeyUsage, aws_lc_rs as algorithms};
use x509_cert::Certificate;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectKeyIdentifier};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_tsp::{Accuracy, MessageImprint};

use super::{MAX_TOKEN, Roots};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// Names the certificate by its SHA-1 (RFC 2634).
const BY_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// Names it by another digest (RFC 5816).
const BY_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// `id-kp-timeStamping` as webpki takes it: the encoded arcs.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
/// Certificates that a token may bring.
const MAX_CERTIFICATES: usize = 16;

/// What a token says, and proves.
#[derive(Debug)]
pub(super) struct Found {
    pub at: Timestamp,
    pub nonce: Option<Vec<u8>>,
    pub policy: ObjectIdentifier,
}

/// `TSTInfo` of RFC 3161, 2.4.2. Its time is read here, for it may have fractions of a second.
#[derive(Debug, Sequence)]
struct TstInfo {
    version: u8,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    gen_time: Any,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    tsa: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

/// `SigningCertificate` of RFC 2634, 5.4.
#[derive(Debug, Sequence)]
struct SigningCertificate {
    certs: Vec<CertId>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

#[derive(Debug, Sequence)]
struct CertId {
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

/// `SigningCertificateV2` of RFC 5035, 3.
#[derive(Debug, Sequence)]
struct SigningCertificateV2 {
    certs: Vec<CertIdV2>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

#[derive(Debug, Sequence)]
struct CertIdV2 {
    /// SHA-256 where it isn't said.
    #[asn1(optional = "true")]
    algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

/// Everything that a token has to hold for this line, or what is wrong with it.
pub(super) fn check(line: &[u8], token: &[u8], roots: &Roots) -> Result<Found, String> {
    if token.len() > MAX_TOKEN {
        return Err(format!("it is over {MAX_TOKEN} bytes"));
    }
    let unreadable = |error: der::Error| format!("it can't be read: {error}");
    let outer = ContentInfo::from_der(token).map_err(unreadable)?;
    if outer.content_type != SIGNED_DATA {
        return Err("it isn't signed".to_owned());
    }
    let signed: SignedData = outer.content.decode_as().map_err(unreadable)?;
    let content = &signed.encap_content_info;
    let info = match &content.econtent {
        Some(info) if content.econtent_type == TST_INFO && info.tag() == Tag::OctetString => {
            info.value()
        }
        _ => return Err("what is signed isn't a time stamp".to_owned()),
    };
    let said = TstInfo::from_der(info).map_err(unreadable)?;
    let imprint = &said.message_imprint;
    if imprint.hash_algorithm.oid != ID_SHA_256
        || imprint.hashed_message.as_bytes() != Sha256::digest(line).as_slice()
    {
        return Err("it is of another line".to_owned());
    }
    let critical = |extensions: &Extensions| extensions.iter().any(|one| one.critical);
    if said.version != 1 || said.extensions.as_ref().is_some_and(critical) {
        return Err("it has a version or an extension that isn't known here".to_owned());
    }
    let at = general_time(&said.gen_time)?;
    let [signer] = signed.signer_infos.0.as_slice() else {
        return Err("expected one signature".to_owned());
    };
    let certificates = certificates(&signed)?;
    let certificate = certificates
        .iter()
        .find(|certificate| is_signers(certificate, &signer.sid))
        .ok_or("it doesn't bring its signer's certificate")?;
    check_signature(signer, info, certificate)?;
    check_authority(certificate, &certificates, roots, at)?;
    Ok(Found {
        at,
        nonce: said.nonce.map(|nonce| nonce.as_bytes().to_vec()),
        policy: said.policy,
    })
}

/// `20261127062519Z`, or with a fraction: `20261127062519.5Z`.
fn general_time(given: &Any) -> Result<Timestamp, String> {
    let text = std::str::from_utf8(given.value()).unwrap_or_default();
    let read = || {
        let (whole, fraction) = match text.strip_suffix('Z')?.split_once('.') {
            Some((whole, fraction)) => (whole, fraction),
            None => (text.strip_suffix('Z')?, "0"),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if given.tag() != Tag::GeneralizedTime
            || whole.len() != 14
            || !digits(whole)
            || !digits(fraction)
        {
            return None;
        }
        let part = |from: usize| &whole[from..from + 2];
        Timestamp::parse(&format!(
            "{}-{}-{}T{}:{}:{}.{fraction}Z",
            &whole[..4],
            part(4),
            part(6),
            part(8),
            part(10),
            part(12)
        ))
    };
    read().ok_or_else(|| "its time can't be read".to_owned())
}

fn certificates(signed: &SignedData) -> Result<Vec<Certificate>, String> {
    let found: Vec<Certificate> = signed
        .certificates
        .iter()
        .flat_map(|set| set.0.iter())
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate.clone()),
            CertificateChoices::Other(_) => None,
        })
        .collect();
    if found.len() > MAX_CERTIFICATES {
        return Err(format!("it brings over {MAX_CERTIFICATES} certificates"));
    }
    Ok(found)
}

fn is_signers(certificate: &Certificate, signer: &SignerIdentifier) -> bool {
    let own = &certificate.tbs_certificate;
    match signer {
        SignerIdentifier::IssuerAndSerialNumber(named) => {
            named.issuer == own.issuer && named.serial_number == own.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(named) => {
            let found = own.get::<SubjectKeyIdentifier>();
            matches!(found, Ok(Some((_, identifier))) if identifier == *named)
        }
    }
}

/// The one value of a signed attribute.
fn attribute(signer: &SignerInfo, name: ObjectIdentifier) -> Result<Option<&Any>, String> {
    let mut found = signer
        .signed_attrs
        .iter()
        .flat_map(|attributes| attributes.iter())
        .filter(|attribute| attribute.oid == name);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(only), None) if only.values.len() == 1 => Ok(only.values.get(0)),
        _ => Err(format!("attribute {name} isn't there once")),
    }
}

/// RFC 5652, 5.4: the attributes are signed, and hold the content's type and digest; RFC 3161, 2.4.2:
/// and the certificate's.
fn check_signature(
    signer: &SignerInfo,
    info: &[u8],
    certificate: &Certificate,
) -> Result<(), String> {
    let unreadable = |error: der::Error| format!("its signature can't be read: {error}");
    let kind = attribute(signer, CONTENT_TYPE)?.map(Any::decode_as::<ObjectIdentifier>);
    if kind.transpose().map_err(unreadable)? != Some(TST_INFO) {
        return Err("its signature is of another kind of content".to_owned());
    }
    let digest = attribute(signer, MESSAGE_DIGEST)?.map(Any::decode_as::<OctetString>);
    let expected = hash(signer.digest_alg.oid, info)?;
    if digest
        .transpose()
        .map_err(unreadable)?
        .is_none_or(|digest| digest.as_bytes() != expected)
    {
        return Err("its signature is of another content".to_owned());
    }
    let der = certificate.to_der().map_err(unreadable)?;
    if !names_certificate(signer, &der)? {
        return Err("its signature names another certificate".to_owned());
    }
    let attributes = signer
        .signed_attrs
        .as_ref()
        .ok_or("its signature has no attributes")?
        .to_der()
        .map_err(unreadable)?;
    let der = CertificateDer::from(der);
    let certificate = EndEntityCert::try_from(&der).map_err(|error| error.to_string())?;
    let holds = candidates(signer)?.iter().any(|algorithm| {
        certificate
            .verify_signature(*algorithm, &attributes, signer.signature.as_bytes())
            .is_ok()
    });
    if holds {
        Ok(())
    } else {
        Err("its signature doesn't hold".to_owned())
    }
}

/// Whether the signature names this certificate, by whichever of both attributes it has.
fn names_certificate(signer: &SignerInfo, der: &[u8]) -> Result<bool, String> {
    let unreadable = |error: der::Error| format!("its certificate's name can't be read: {error}");
    if let Some(named) = attribute(signer, BY_DIGEST)? {
        let named: SigningCertificateV2 = named.decode_as().map_err(unreadable)?;
        let first = named.certs.first().ok_or("it names no certificate")?;
        let algorithm = first.algorithm.as_ref().map_or(ID_SHA_256, |it| it.oid);
        return Ok(hash(algorithm, der)? == first.hash.as_bytes());
    }
    if let Some(named) = attribute(signer, BY_SHA1)? {
        let named: SigningCertificate = named.decode_as().map_err(unreadable)?;
        let first = named.certs.first().ok_or("it names no certificate")?;
        return Ok(Sha1::digest(der).as_slice() == first.hash.as_bytes());
    }
    Ok(false)
}

fn hash(algorithm: ObjectIdentifier, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match algorithm {
        ID_SHA_256 => Ok(Sha256::digest(bytes).to_vec()),
        ID_SHA_384 => Ok(Sha384::digest(bytes).to_vec()),
        ID_SHA_512 => Ok(Sha512::digest(bytes).to_vec()),
        other => Err(format!(
            "digest {other} isn't taken: SHA-256, 384 and 512 are"
        )),
    }
}

/// What can check the signature: of ECDSA by each curve, since the certificate names it.
fn candidates(
    signer: &SignerInfo,
) -> Result<Vec<&'static dyn SignatureVerificationAlgorithm>, String> {
    let (signature, digest) = (signer.signature_algorithm.oid, signer.digest_alg.oid);
    Ok(match (signature, digest) {
        (RSA_ENCRYPTION | SHA_256_WITH_RSA_ENCRYPTION, ID_SHA_256) => {
            vec![algorithms::RSA_PKCS1_2048_8192_SHA256]
        }
        (RSA_ENCRYPTION | SHA_384_WITH_RSA_ENCRYPTION, ID_SHA_384) => {
            vec![algorithms::RSA_PKCS1_2048_8192_SHA384]
        }
        (RSA_ENCRYPTION | SHA_512_WITH_RSA_ENCRYPTION, ID_SHA_512) => {
            vec![algorithms::RSA_PKCS1_2048_8192_SHA512]
        }
        (ID_RSASSA_PSS, ID_SHA_256) => vec![algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        (ID_RSASSA_PSS, ID_SHA_384) => vec![algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        (ID_RSASSA_PSS, ID_SHA_512) => vec![algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        (ECDSA_WITH_SHA_256, ID_SHA_256) => vec![
            algorithms::ECDSA_P256_SHA256,
            algorithms::ECDSA_P384_SHA256,
            algorithms::ECDSA_P521_SHA256,
        ],
        (ECDSA_WITH_SHA_384, ID_SHA_384) => vec![
            algorithms::ECDSA_P256_SHA384,
            algorithms::ECDSA_P384_SHA384,
            algorithms::ECDSA_P521_SHA384,
        ],
        (ECDSA_WITH_SHA_512, ID_SHA_512) => vec![
            algorithms::ECDSA_P256_SHA512,
            algorithms::ECDSA_P384_SHA512,
            algorithms::ECDSA_P521_SHA512,
        ],
        _ => return Err(format!("signature {signature} over {digest} isn't taken")),
    })
}

/// RFC 3161, 2.3: the certificate is for time stamps alone, and says so critically; RFC 5280, 6: a
/// path leads from it to a root, at the time of the stamp.
fn check_authority(
    certificate: &Certificate,
    others: &[Certificate],
    roots: &Roots,
    at: Timestamp,
) -> Result<(), String> {
    let unreadable = |error: der::Error| format!("its certificate can't be read: {error}");
    let purposes = certificate
        .tbs_certificate
        .get::<ExtendedKeyUsage>()
        .map_err(unreadable)?;
    match purposes {
        Some((true, ExtendedKeyUsage(only))) if only == [ID_KP_TIME_STAMPING] => {}
        _ => {
            return Err(format!(
                "its certificate isn't for time stamps alone ({ID_CE_EXT_KEY_USAGE})"
            ));
        }
    }
    let chain: Vec<CertificateDer<'static>> = others
        .iter()
        .map(|other| other.to_der().map(CertificateDer::from))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    let anchors: Vec<TrustAnchor<'_>> = roots
        .0
        .iter()
        .map(webpki::anchor_from_trusted_cert)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let der = CertificateDer::from(certificate.to_der().map_err(unreadable)?);
    let end = EndEntityCert::try_from(&der).map_err(|error| error.to_string())?;
    let seconds = u64::try_from(at.ms() / 1_000).map_err(|_| "its time is before 1970")?;
    end.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &chain,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        // Certificates between may leave it open; the signer's own was held against it above.
        KeyUsage::required_if_present(TIME_STAMPING),
        None,
        None,
    )
    .map(drop)
    .map_err(|error| format!("no trusted authority vouches for its certificate: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond_and_in_utc_only() {
        let read = |text: &str| {
            general_time(&Any::new(Tag::GeneralizedTime, text.as_bytes()).expect("short"))
                .map(|at| at.to_string())
        };
        assert_eq!(
            read("20261127062519Z"),
            Ok("2026-11-27T06:25:19.000Z".to_owned())
        );
        assert_eq!(
            read("20261127062519.5Z"),
            Ok("2026-11-27T06:25:19.500Z".to_owned())
        );
        for wrong in [
            "20261127062519",
            "20261327062519Z",
            "202611270625Z",
            "20261127062519.Z",
            "20261127062519+0100",
            "ää26112706251Z",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
