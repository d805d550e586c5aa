//! The place outside that the configuration names.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use integrations::Error;
use integrations::anchors::{
    Addressing, AnchorPlace, Bucket, BucketSettings, Credentials, Custody, Lock, MAX_LINE,
    MAX_PAGE_BYTES, MAX_PAGE_LINES, Overwriting, Receiver, ReceiverSettings,
};

use crate::configuration::{self, Audit};

/// The place, if one is named.
pub fn named(audit: &Audit) -> Result<Option<Arc<dyn AnchorPlace>>> {
    if let Some(bucket) = &audit.anchor_bucket {
        let secret = |variable: &str| configuration::secret(variable, "audit.anchor_bucket");
        return Ok(Some(Arc::new(Bucket::new(BucketSettings {
            name: format!("bucket {}", bucket.bucket),
            endpoint: bucket.endpoint.clone(),
            region: bucket.region.clone(),
            bucket: bucket.bucket.clone(),
            prefix: bucket.prefix.clone(),
            addressing: match bucket.path_style {
                true => Addressing::Path,
                false => Addressing::VirtualHost,
            },
            credentials: Credentials {
                access_key: secret(&bucket.access_key_env)?.reveal().to_owned(),
                secret_key: secret(&bucket.secret_key_env)?,
                session_token: None,
            },
            lock: (bucket.lock_days > 0).then_some(Lock {
                days: bucket.lock_days,
            }),
            overwriting: Overwriting::Refused,
        })?)));
    }
    if let Some(receiver) = &audit.anchor_receiver {
        return Ok(Some(Arc::new(Receiver::new(ReceiverSettings {
            name: "receiver".to_owned(),
            write_url: receiver.write_url.clone(),
            read_url: receiver.read_url.clone(),
            secret: configuration::secret(&receiver.secret_env, "audit.anchor_receiver")?,
        })?)));
    }
    if audit.anchor_file.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(LinesFile::new(Path::new(
        &audit.anchor_file,
    )))))
}

/// A file that others keep: a mount of another machine, a folder that is only appended to.
pub struct LinesFile {
    path: PathBuf,
    name: String,
}

impl LinesFile {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            name: path.display().to_string(),
        }
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::CannotTell(format!("{}: {error}", self.name))
    }

    fn read_page(&self, after: u64) -> Result<Vec<Vec<u8>>, Error> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(&error)),
        };
        let (mut page, mut bytes) = (Vec::new(), 0);
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        for line in BufReader::new(file).split(b'\n').skip(skipped) {
            let line = line.map_err(|error| self.failed(&error))?;
            bytes += line.len();
            page.push(line);
            if page.len() == MAX_PAGE_LINES || bytes > MAX_PAGE_BYTES {
                break;
            }
        }
        Ok(page)
    }

    /// Durable when it returns.
    fn append(&self, line: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        let mut whole = line.to_vec();
        whole.push(b'\n');
        file.write_all(&whole)?;
        file.sync_data()
    }
}

/// Half a line at a file's end is what a process left that was killed.
pub fn cut_torn(path: &Path) -> Result<()> {
    let Ok(bytes) = std::fs::read(path) else {
        return Ok(());
    };
    let whole = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    if whole < bytes.len() {
        OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(whole as u64)?;
    }
    Ok(())
}

#[async_trait]
impl AnchorPlace for LinesFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn custody(&self) -> Custody {
        Custody::Overwritable
    }

    /// One process writes; after a failure it reads the file anew before it writes again.
    async fn write(&self, _: u64, line: &[u8]) -> Result<(), Error> {
        if line.len() > MAX_LINE {
            return Err(Error::Refused(format!("{}: a line is too long", self.name)));
        }
        tokio::task::block_in_place(|| self.append(line)).map_err(|error| self.failed(&error))
    }

    async fn page(&self, after: u64) -> Result<Vec<Vec<u8>>, Error> {
        tokio::task::block_in_place(|| self.read_page(after))
    }
}
