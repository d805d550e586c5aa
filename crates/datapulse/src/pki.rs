//! An authority of one's own: `ca.crt` and `ca.key`, and for each role a certificate that names it
//! (`spiffe://datapulse/ROLE`) with its key. Who has an authority already takes theirs: what counts
//! is the name in the certificate and who signed it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Datelike as _, Days, Utc};
use gateway::identity::machine::SPIFFE;
use gateway::tls::certificate::{self, Facts};
use model::Writer;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType, date_time_ymd,
};

use crate::owner_only;

const AUTHORITY: &str = "ca";
/// How long the authority holds: ten years.
const AUTHORITY_DAYS: u32 = 3_650;
/// How long a certificate of a role may hold: what browsers take at most.
pub const MAX_DAYS: u32 = 825;
/// Names of one certificate.
pub const MAX_NAMES: usize = 100;
/// Bytes of a file that is read.
const MAX_FILE: u64 = 1 << 20;

/// Makes what isn't there yet; what is there stays. Gives the names of what was made.
pub fn init(dir: &Path, names: &[String], days: u32, now: DateTime<Utc>) -> Result<Vec<String>> {
    check(names, days)?;
    owner_only::folder(dir)?;
    let mut made = Vec::new();
    if !is_whole(dir, AUTHORITY)? {
        let key = new_key()?;
        let certificate = authority(now)?
            .self_signed(&key)
            .context("the authority can't be made")?;
        write(dir, AUTHORITY, &certificate, &key)?;
        made.push(AUTHORITY.to_owned());
    }
    for writer in Writer::ALL {
        if !is_whole(dir, writer.name())? {
            issue(dir, writer, names, days, now)?;
            made.push(writer.name().to_owned());
        }
    }
    Ok(made)
}

/// A new certificate for a role. Its key is a new one too: the old certificate counts until it
/// ends, and whoever has got its key has got nothing of the new one.
pub fn issue(
    dir: &Path,
    writer: Writer,
    names: &[String],
    days: u32,
    now: DateTime<Utc>,
) -> Result<()> {
    check(names, days)?;
    if !is_whole(dir, AUTHORITY)? {
        bail!(
            "{} holds no authority: `datapulse pki init` makes one",
            dir.display()
        );
    }
    let path = dir.join("ca.key");
    let authority_key = KeyPair::from_pem(&read(&path)?)
        .with_context(|| format!("{} is no key in PEM", path.display()))?;
    let issuer = Issuer::new(authority(now)?, authority_key);
    let key = new_key()?;
    let certificate = of_role(writer, names, days, now)?
        .signed_by(&key, &issuer)
        .with_context(|| format!("no certificate for {}", writer.name()))?;
    write(dir, writer.name(), &certificate, &key)
}

/// What each certificate of the folder says, the authority's first.
pub fn show(dir: &Path) -> Result<Vec<(String, Facts)>> {
    let roles = Writer::ALL.iter().map(|writer| writer.name());
    let mut shown = Vec::new();
    for name in std::iter::once(AUTHORITY).chain(roles) {
        let path = dir.join(format!("{name}.crt"));
        if path.exists() {
            let facts = facts(&path).with_context(|| path.display().to_string())?;
            shown.push((name.to_owned(), facts));
        }
    }
    if shown.is_empty() {
        bail!(
            "{} holds no certificates: `datapulse pki init` makes them",
            dir.display()
        );
    }
    Ok(shown)
}

fn facts(path: &Path) -> Result<Facts> {
    use rustls_pki_types::pem::PemObject as _;
    let pem = read(path)?;
    let der = rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| anyhow::anyhow!("no certificate in PEM: {error}"))?;
    certificate::read(&der).map_err(anyhow::Error::msg)
}

fn check(names: &[String], days: u32) -> Result<()> {
    if days == 0 || days > MAX_DAYS {
        bail!("--days: expected 1 to {MAX_DAYS}, got {days}");
    }
    if names.len() > MAX_NAMES {
        bail!("--name: at most {MAX_NAMES}");
    }
    Ok(())
}

/// Both files are there, or neither; one without the other is damage that nobody overwrites.
fn is_whole(dir: &Path, name: &str) -> Result<bool> {
    let there = |end: &str| dir.join(format!("{name}.{end}")).exists();
    match (there("crt"), there("key")) {
        (true, true) => Ok(true),
        (false, false) => Ok(false),
        (crt, _) => {
            let (has, lacks) = if crt { ("crt", "key") } else { ("key", "crt") };
            bail!(
                "{}: there is {name}.{has} without {name}.{lacks}: put it back, or move the other away",
                dir.display()
            )
        }
    }
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("no key can be made")
}

fn authority(now: DateTime<Utc>) -> Result<CertificateParams> {
    let mut params = named("DataPulse authority", Vec::new(), AUTHORITY_DAYS, now)?;
    // It signs certificates of roles, and no further authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn of_role(
    writer: Writer,
    names: &[String],
    days: u32,
    now: DateTime<Utc>,
) -> Result<CertificateParams> {
    let name = writer.name();
    let mut params = named(name, names.to_vec(), days, now)?;
    let uri = format!("{SPIFFE}{name}");
    let uri = uri.try_into().context("no name for a certificate")?;
    params.subject_alt_names.push(SanType::URI(uri));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if writer == Writer::Gateway {
        let server = ExtendedKeyUsagePurpose::ServerAuth;
        params.extended_key_usages.push(server);
    }
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn named(
    name: &str,
    names: Vec<String>,
    days: u32,
    now: DateTime<Utc>,
) -> Result<CertificateParams> {
    let shown = names.join(", ");
    let mut params = CertificateParams::new(names)
        .with_context(|| format!("--name {shown}: expected DNS names or addresses"))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // Whole days, from yesterday on: clocks differ.
    let day = |date: Option<DateTime<Utc>>| {
        let date = date.context("no such day")?;
        let (month, day) = (u8::try_from(date.month())?, u8::try_from(date.day())?);
        anyhow::Ok(date_time_ymd(date.year(), month, day))
    };
    params.not_before = day(now.checked_sub_days(Days::new(1)))?;
    // The day after the last whole one.
    params.not_after = day(now.checked_add_days(Days::new(u64::from(days) + 1)))?;
    Ok(params)
}

/// The key first: a certificate without its key would look whole to nobody, and is said.
fn write(dir: &Path, name: &str, certificate: &Certificate, key: &KeyPair) -> Result<()> {
    let path = |end: &str| dir.join(format!("{name}.{end}"));
    owner_only::write(&path("key"), key.serialize_pem().as_bytes())?;
    owner_only::write(&path("crt"), certificate.pem().as_bytes())
}

fn read(path: &Path) -> Result<String> {
    let shown = path.display();
    let size = fs::metadata(path)
        .with_context(|| format!("{shown} can't be read"))?
        .len();
    if size > MAX_FILE {
        bail!("{shown}: {size} bytes are over {MAX_FILE}");
    }
    fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))
}

#[cfg(test)]
mod tests;
