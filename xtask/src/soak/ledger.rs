//! What was done before, a JSON line an item, so that a long run can go on where it was.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step::{datapulse, target};

pub struct Ledger {
    path: PathBuf,
    /// Of the binary that is tested: what another one did doesn't count.
    binary: String,
    pub lines: Vec<Value>,
}

impl Ledger {
    /// `keep`: goes on where an earlier call ended.
    pub fn open(name: &str, keep: bool) -> Result<Self> {
        let folder = target().join("soak");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.jsonl"));
        let binary = fingerprint()?;
        let text = if keep {
            fs::read_to_string(&path).unwrap_or_default()
        } else {
            String::new()
        };
        let lines: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["binary"] == *binary)
            .collect();
        let mut whole: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if lines.is_empty() {
            whole.clear();
        } else {
            eprintln!("   {} done before are kept", lines.len());
        }
        fs::write(&path, whole).with_context(|| path.display().to_string())?;
        Ok(Self {
            path,
            binary,
            lines,
        })
    }

    pub fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|line| line["key"] == key)
    }

    pub fn add(&mut self, mut line: Value) -> Result<()> {
        eprintln!("   {line}");
        line["binary"] = Value::from(self.binary.clone());
        let mut file = fs::OpenOptions::new().append(true).open(&self.path)?;
        writeln!(file, "{line}")?;
        self.lines.push(line);
        Ok(())
    }

    pub fn count(&self, what: &str) -> usize {
        self.lines.iter().filter(|line| line[what] == true).count()
    }

    /// How many lines there are; nothing done in the time that was given has no result.
    pub fn done(&self) -> Result<usize> {
        match self.lines.len() {
            0 => bail!("nothing was done in the time that was given"),
            done => Ok(done),
        }
    }

    pub fn sum(&self, what: &str) -> u64 {
        let numbers = self.lines.iter().filter_map(|line| line[what].as_u64());
        numbers.sum()
    }

    /// The numbers under a key, sorted.
    pub fn numbers(&self, what: &str) -> Vec<f64> {
        let mut numbers: Vec<f64> = self
            .lines
            .iter()
            .filter_map(|line| line[what].as_f64())
            .collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    }
}

/// FNV-1a over the binary, eight bytes at a time: enough to tell builds apart.
fn fingerprint() -> Result<String> {
    let path = datapulse();
    let bytes = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Ok(format!("{hash:016x}"))
}
