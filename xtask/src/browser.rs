//! The browser test: real Chromium walks the whole story on a real demo.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::step::{datapulse, has, perform, root, target};

/// Where Debian puts it; `CHROMIUM` names another.
const CHROMIUM: &str = "/usr/bin/chromium";
/// The demo's history is made first.
const READY_WITHIN: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Where the walk's pictures go.
pub enum Pictures {
    /// Beside what is built: a test changes nothing in the repository.
    OfTest,
    /// Where README shows them.
    OfReadme,
}

pub fn run(pictures: Pictures) -> Result<bool> {
    let chromium = chromium()?;
    let folder = target().join("browser/data");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let images = match pictures {
        Pictures::OfTest => target().join("browser/images"),
        Pictures::OfReadme => root().join("docs/images"),
    };
    let log = target().join("browser/demo.log");
    let told = fs::File::create(&log).with_context(|| log.display().to_string())?;
    // Any free port: the folder says which.
    let mut demo = Command::new(datapulse())
        .args(["demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(&folder)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(told.try_clone()?)
        .stderr(told)
        .spawn()
        .context("datapulse demo")?;
    let walked = login(&folder, &mut demo).and_then(|login| {
        let (base, _) = login
            .split_once("/login")
            .context("the login link has another form")?;
        let mut story = Command::new("node");
        story
            .arg("e2e/story.mjs")
            .current_dir(root().join("web"))
            .env("CHROMIUM", &chromium)
            .env("IMAGES", &images)
            .env("BASE_URL", base)
            .env("LOGIN_LINK", &login);
        perform("browser: the whole story", &mut story)
    });
    let _ = demo.kill();
    let _ = demo.wait();
    walked
        .map(|()| true)
        .with_context(|| format!("the demo's own words are in {}", log.display()))
}

/// A fault whose repair is of high risk, so that two people must agree.
const FOR_TWO: &str = "third-party-outage";
/// Of the web client at the provider that the tests start.
const WEB_SECRET: &str = "web-secret-for-tests-only";

/// Three people in three browsers, through a real identity provider (`xtask/servers/openid`, whose
/// packages are there by now), on a demo that needs two of them.
pub fn four_eyes() -> Result<bool> {
    let chromium = chromium()?;
    let folder = target().join("browser/four-eyes");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let (port, provider_port) = (free_port()?, free_port()?);
    let base = format!("http://127.0.0.1:{port}");
    let issuer = format!("http://127.0.0.1:{provider_port}");
    let callback = format!("{base}/api/datapulse/v1/oidc/callback");
    let configuration = folder.join("datapulse.toml");
    fs::write(
        &configuration,
        format!(
            "[identity]\nissuer = \"{issuer}\"\nclient_id = \"web\"\nclient_secret_env = \"WEB_SECRET\"\nredirect_url = \"{callback}\"\n[identity.groups]\nresponders = \"responder\"\nviewers = \"viewer\"\n"
        ),
    )?;
    let log = folder.join("demo.log");
    let told = fs::File::create(&log).with_context(|| log.display().to_string())?;
    let mut provider = Command::new("node")
        .arg(root().join("xtask/servers/openid/provider.mjs"))
        .args([&provider_port.to_string(), &callback])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("node")?;
    let demo = Command::new(datapulse())
        .args(["demo", "--fault", FOR_TWO, "--listen"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--config")
        .arg(&configuration)
        .env("WEB_SECRET", WEB_SECRET)
        .stdin(Stdio::null())
        .stdout(told.try_clone()?)
        .stderr(told)
        .spawn();
    let walked = demo.context("datapulse demo").and_then(|mut demo| {
        let walked = login(&folder.join("data"), &mut demo).and_then(|_| {
            let mut story = Command::new("node");
            story
                .arg("e2e/four-eyes.mjs")
                .current_dir(root().join("web"))
                .env("CHROMIUM", &chromium)
                .env("IMAGES", target().join("browser/images"))
                .env("BASE_URL", &base)
                .env("ISSUER", &issuer);
            perform("browser: four eyes", &mut story)
        });
        let _ = demo.kill();
        let _ = demo.wait();
        walked
    });
    let _ = provider.kill();
    let _ = provider.wait();
    walked
        .map(|()| true)
        .with_context(|| format!("the demo's own words are in {}", log.display()))
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

/// Chromium, installed where that can be done.
fn chromium() -> Result<String> {
    let path = std::env::var("CHROMIUM").unwrap_or_else(|_| CHROMIUM.to_owned());
    if Path::new(&path).exists() {
        return Ok(path);
    }
    if is_root() && has("apt-get") {
        let quietly = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null());
            command
        };
        // Lists may be old, or missing: what matters is whether it can be installed.
        let _ = perform("browser: apt-get update", &mut quietly(&["update"]));
        perform(
            "browser: install chromium",
            &mut quietly(&["install", "-y", "--no-install-recommends", "chromium"]),
        )?;
    }
    if Path::new(&path).exists() {
        return Ok(path);
    }
    bail!(
        "the browser test needs Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM"
    )
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// A one-time login link, once the demo answers.
fn login(folder: &Path, demo: &mut std::process::Child) -> Result<String> {
    let began = Instant::now();
    while began.elapsed() < READY_WITHIN {
        if let Some(status) = demo.try_wait()? {
            bail!("the demo ended before it answered ({status})");
        }
        let output = Command::new(datapulse())
            .args(["token", "login-link", "-o", "json", "--data"])
            .arg(folder)
            .output()?;
        if output.status.success() {
            let value: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            if let Some(link) = value["link"].as_str() {
                return Ok(link.to_owned());
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bail!("the demo didn't answer within {} s", READY_WITHIN.as_secs())
}
