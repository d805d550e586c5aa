//! The command line: one run, all that it said, and how that is shown in a snapshot.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A working directory of its own, whose `data` is the data folder.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).expect("is written");
    }

    /// `datapulse` in this directory, knowing nothing of the environment that the tests run in.
    pub fn datapulse(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datapulse"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("NO_COLOR", "1");
        for variable in [
            "DATAPULSE_DATA",
            "DATAPULSE_CONFIG",
            "DATAPULSE_TOKEN",
            "DATAPULSE_ELASTICSEARCH_SECRET",
            "RUST_LOG",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = self.datapulse(arguments).output().expect("starts");
        Said::of(arguments, &output)
    }

    /// Runs what a check or a success must be.
    pub fn done(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{said}");
        said
    }

    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        self.done(arguments).json()
    }
}

/// What a run said.
pub struct Said {
    pub command: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn of(arguments: &[&str], output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            command: format!("datapulse {}", arguments.join(" ")),
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "$ {}\nexit code: {}\n", self.command, self.code)?;
        for (name, text) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !text.is_empty() {
                write!(out, "----- {name}\n{}\n", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// What differs from run to run, and what stands for it.
pub const FILTERS: [(&str, &str); 10] = [
    (r"/tmp/[^\s:;,`\x22']*/data", "[folder]"),
    (r"/tmp/\.tmp\w+", "[dir]"),
    (r"127\.0\.0\.1:\d+", "[address]"),
    (r"dp_[0-9a-f]{12}_[0-9a-f]{48}", "[secret]"),
    (r"code=[0-9a-f]{48}", "code=[code]"),
    (
        r#""correlation_id": "[0-9a-f]{16}""#,
        r#""correlation_id": "[id]""#,
    ),
    (r#""(took|elapsed_ms)": \d+"#, r#""$1": "[ms]""#),
    (r"\b20[2-9]\d-\d\d-\d\dT[\d:.]+Z", "[time]"),
    (r"\b[0-9a-f]{12}\b", "[12 digits]"),
    (r"\bSYS-\d{6}\b", "SYS-[month]"),
];

/// A snapshot named after what it shows, without what differs from run to run.
#[macro_export]
macro_rules! shows {
    ($name:expr, $shown:expr) => {
        let (name, shown): (String, String) = ($name.into(), $shown);
        insta::with_settings!({ filters => $crate::command::FILTERS.to_vec(), omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name.replace(' ', "_"), shown);
        });
    };
}
