//! Real servers for tests: fetched and built once into target/, started on this machine, ended
//! with whoever started them.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

use crate::step::{has, perform, root, target};

const WHAT_IS_NEEDED: &str = "a real Elasticsearch for tests needs a JDK 17 or newer and Maven, e.g. `apt-get install openjdk-17-jdk-headless maven`";

/// What the node prints before its address when it takes requests.
const READY: &str = "READY ";

/// The password of the node's user `elastic`, where one is wanted.
pub const PASSWORD: &str = "for-tests-only";

/// Memory for the tests' few documents, and a compiler that begins soon rather than ends fast.
const FOR_TESTS: [&str; 4] = [
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
];

/// `servers NAME [--port N] [--secured]`: runs one until its standard input ends or Ctrl-C.
pub fn run(arguments: &[String]) -> Result<bool> {
    let (port, secured) = read(arguments)?;
    let server = Elasticsearch::start(port, secured)?;
    println!("{}", server.url);
    if secured {
        eprintln!("servers: its user is elastic, the password {PASSWORD}");
    }
    eprintln!("servers: it runs until this command's standard input ends");
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    drop(server);
    Ok(true)
}

/// The port, and whether a login is wanted.
fn read(arguments: &[String]) -> Result<(u16, bool)> {
    let (mut port, mut secured) = (0, false);
    let Some(("elasticsearch", mut rest)) = arguments
        .split_first()
        .map(|(name, rest)| (name.as_str(), rest))
    else {
        bail!("expected elasticsearch [--port N] [--secured], got {arguments:?}");
    };
    while let Some((flag, after)) = rest.split_first() {
        rest = match (flag.as_str(), after.split_first()) {
            ("--secured", _) => {
                secured = true;
                after
            }
            ("--port", Some((number, after))) => {
                port = number
                    .parse()
                    .with_context(|| format!("--port: expected a port, got {number:?}"))?;
                after
            }
            _ => bail!("expected --port N or --secured, got {flag:?}"),
        };
    }
    Ok((port, secured))
}

/// A node that ends when this is dropped, and also when this process is killed: it watches the
/// pipe of which this process holds the other end.
pub struct Elasticsearch {
    pub url: String,
    child: Child,
    /// What is deleted at its end.
    home: Option<PathBuf>,
}

impl Elasticsearch {
    /// Builds it where that wasn't done; port 0 takes a free one. Where `secured`, only the user
    /// `elastic` with [`PASSWORD`] is let in.
    pub fn start(port: u16, secured: bool) -> Result<Self> {
        let built = build()?;
        let home = built.join(format!("home-{}-{port}", std::process::id()));
        let mut options = FOR_TESTS.map(str::to_owned).to_vec();
        if secured {
            options.push(format!("-Dreal.password={PASSWORD}"));
        }
        let mut server = Self::launch(&built, &home, &options, port)?;
        server.home = Some(home);
        Ok(server)
    }

    /// As it would serve: the JVM's own choice of compiler and collector, a heap of so many MiB,
    /// and a folder that stays.
    pub fn start_in(home: &Path, heap_mib: usize) -> Result<Self> {
        let options = [format!("-Xms{heap_mib}m"), format!("-Xmx{heap_mib}m")];
        Self::launch(&build()?, home, &options, 0)
    }

    fn launch(built: &Path, home: &Path, options: &[String], port: u16) -> Result<Self> {
        let path = |name: &str| built.join(name).display().to_string();
        let mut child = Command::new("java")
            .args(options)
            .arg("-Dreal.stdin=true")
            .arg(format!("-Dreal.home={}", home.display()))
            .arg("-cp")
            .arg(format!("{}:{}", path("classes"), path("lib/*")))
            .arg("org.elasticsearch.node.RealNode")
            .arg(format!("http.port={port}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(WHAT_IS_NEEDED)?;
        let out = child.stdout.take().context("its output")?;
        let mut server = Self {
            url: String::new(),
            child,
            home: None,
        };
        let (address, rest) = ready(out)?;
        server.url = format!("http://{address}");
        // Its warnings are read to the end, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut { rest }, &mut std::io::sink()));
        Ok(server)
    }
}

impl Drop for Elasticsearch {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        if let Some(home) = &self.home {
            let _ = fs::remove_dir_all(home);
        }
    }
}

/// The address, and what comes after it.
fn ready(out: impl Read) -> Result<(String, impl Read)> {
    let mut lines = BufReader::new(out);
    let mut said = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            bail!("Elasticsearch ended before it was ready:\n{said}");
        }
        if let Some(address) = line.strip_prefix(READY) {
            return Ok((address.trim().to_owned(), lines));
        }
        said.push_str(&line);
    }
}

/// Fetches jars and compiles what is ours, unless that was done with the same sources; gives the
/// folder.
fn build() -> Result<PathBuf> {
    let sources = root().join("xtask/servers/elasticsearch");
    let built = target().join("servers/elasticsearch");
    let stamp = built.join("built-from");
    let now = fingerprint(&sources)?;
    if fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return Ok(built);
    }
    if !has("java") || !has("mvn") {
        bail!(WHAT_IS_NEEDED);
    }
    perform(
        "Elasticsearch for tests: its jars from Maven Central, once",
        Command::new("mvn")
            .args(["-B", "-q", "package"])
            .arg(format!("-Doutput={}", built.display()))
            .current_dir(&sources),
    )?;
    fs::write(&stamp, now).with_context(|| stamp.display().to_string())?;
    Ok(built)
}

/// Of all files and their names.
fn fingerprint(folder: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            entry.path().strip_prefix(folder)?.hash(&mut hasher);
            fs::read(entry.path())?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::{fingerprint, read, ready};

    #[test]
    fn the_address_is_read_and_an_early_end_says_why() {
        let found = ready(&b"[WARN] something\nREADY 127.0.0.1:9201\nmore"[..]);
        assert_eq!(
            found.ok().map(|(address, _)| address).as_deref(),
            Some("127.0.0.1:9201")
        );
        let error = ready(&b"port in use\n"[..]).map(|(address, _)| address);
        assert!(error.is_err_and(|error| error.to_string().contains("port in use")));
    }

    #[test]
    fn arguments_are_read() {
        let of = |words: &[&str]| {
            read(
                &words
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(of(&["elasticsearch"]).ok(), Some((0, false)));
        assert_eq!(
            of(&["elasticsearch", "--secured", "--port", "9200"]).ok(),
            Some((9200, true))
        );
        for wrong in [
            &["kafka"][..],
            &[],
            &["elasticsearch", "--port"],
            &["elasticsearch", "--port", "x"],
        ] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn other_sources_are_built_again() {
        let folder = std::env::temp_dir().join(format!("fingerprint-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let of = |text: &str| {
            std::fs::write(folder.join("a"), text).expect("writes");
            fingerprint(&folder).expect("reads")
        };
        let (first, second, third) = (of("1"), of("2"), of("1"));
        std::fs::remove_dir_all(&folder).expect("removes");
        assert!(first != second && first == third);
    }
}
