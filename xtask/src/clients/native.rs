//! Prometheus and rsyslog, as Debian packages them.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::{Server, folder};
use crate::step::has;

/// Ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join("said.log");
        let said = fs::File::create(&log).with_context(|| log.display().to_string())?;
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        Ok(Self(child))
    }
}

fn skip(what: &str, package: &str) -> Result<()> {
    println!("skipped: {what}, which Debian's package {package} would bring");
    Ok(())
}

/// It reads the server's own metrics and writes them back: remote write, with the labels that a
/// scrape gives.
pub fn prometheus(server: &Server) -> Result<()> {
    if !has("prometheus") {
        return skip("Prometheus' remote write", "prometheus");
    }
    let folder = folder("prometheus")?;
    let target = server.url.trim_start_matches("http://");
    let configuration = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs: [{{job_name: datapulse, static_configs: [{{targets: ['{target}']}}]}}]\n\
         remote_write: [{{url: '{}/api/v1/write', authorization: {{credentials: '{}'}}, queue_config: {{batch_send_deadline: 1s}}}}]\n",
        server.url, server.token
    );
    fs::write(folder.join("prometheus.yml"), configuration)?;
    // Port 0 isn't taken: a port that is free now.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("prometheus");
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"]);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _running = Running::start(&mut command, &folder)?;
    let query = "FROM metrics-prometheus-default | WHERE metrics.up IS NOT NULL | STATS n = COUNT(*), up = MIN(metrics.up) BY service.name, service.node.name | KEEP service.name, service.node.name, up";
    server.until(query, |rows| {
        rows[0] == serde_json::json!(["datapulse", target, 1.0])
    })?;
    let query = "FROM metrics-prometheus-default | STATS seconds = MAX(metrics.process_cpu_seconds_total) | WHERE seconds > 0";
    server.until(query, |rows| rows[0][0].is_number())?;
    println!("Prometheus' remote write: passed");
    Ok(())
}

/// It checks a configuration that asks for the module.
fn loads_omelasticsearch() -> Result<bool> {
    let folder = folder("rsyslog-check")?;
    let file = folder.join("rsyslog.conf");
    fs::write(&file, "module(load=\"omelasticsearch\")\n*.* /dev/null\n")?;
    let checked = Command::new("rsyslogd")
        .arg("-N1")
        .arg("-f")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    Ok(checked.is_ok_and(|status| status.success()))
}

/// It puts a blank line after each pair, and writes with `index` where it isn't told otherwise.
pub fn rsyslog(server: &Server) -> Result<()> {
    if !loads_omelasticsearch()? {
        return skip("rsyslog's omelasticsearch", "rsyslog-elasticsearch");
    }
    let folder = folder("rsyslog")?;
    let (host, port) = server
        .url
        .trim_start_matches("http://")
        .split_once(':')
        .context("a port")?;
    let syslog = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let token = &server.token;
    let action = |index: &str, more: &str| {
        format!(
            "action(type=\"omelasticsearch\" server=\"{host}\" serverport=\"{port}\" usehttps=\"off\" uid=\"any\" pwd=\"{token}\" \
             searchIndex=\"{index}\" searchType=\"\" bulkmode=\"on\" template=\"doc\" {more} errorFile=\"err.log\")\n"
        )
    };
    let property = |field: &str, name: &str, more: &str| {
        format!("property(outname=\"{field}\" name=\"{name}\" {more} format=\"jsonf\") ")
    };
    let configuration = format!(
        "module(load=\"imudp\") input(type=\"imudp\" address=\"127.0.0.1\" port=\"{syslog}\")\n\
         module(load=\"omelasticsearch\")\n\
         template(name=\"id\" type=\"string\" string=\"%uuid%\")\n\
         template(name=\"doc\" type=\"list\" option.jsonf=\"on\") {{ {}{}{}{}}}\n{}{}",
        property("@timestamp", "timereported", "dateFormat=\"rfc3339\""),
        property("message", "msg", ""),
        property("service.name", "programname", ""),
        property("log.level", "syslogseverity-text", ""),
        action("logs-app", ""),
        action(
            "logs-application",
            "writeoperation=\"create\" bulkid=\"id\" dynbulkid=\"on\""
        ),
    );
    fs::write(folder.join("rsyslog.conf"), configuration)?;
    let mut command = Command::new("rsyslogd");
    command.arg("-n");
    command.arg("-f").arg(folder.join("rsyslog.conf"));
    command.arg("-i").arg(folder.join("rsyslogd.pid"));
    let _running = Running::start(&mut command, &folder)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let query = "FROM logs-app, logs-application METADATA _index | WHERE service.name == \"till\" | STATS n = COUNT(*) BY _index, message, log.level | SORT _index | KEEP _index, message, log.level";
    server.until(query, |rows| {
        // It may not listen yet: said again until it is heard.
        let _ = socket.send_to(
            b"<11>1 2026-01-10T13:00:00.000Z host till - - - payment failed",
            ("127.0.0.1", syslog),
        );
        let row = |index: &str| serde_json::json!([index, "payment failed", "err"]);
        *rows == serde_json::json!([row("logs-app"), row("logs-application")])
    })?;
    println!("rsyslog's omelasticsearch: passed");
    Ok(())
}
