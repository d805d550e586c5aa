//! What goes to stderr holds no secrets: the process' own log, and the error that ends it.

use std::io::{self, Write};

use model::Redactor;

/// Standard error for the log, which writes a line at once.
#[derive(Debug, Default)]
pub struct Stderr {
    redactor: Redactor,
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().write_all(self.redactor.redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Says what ended the process.
pub fn complain(error: &anyhow::Error) {
    let text = format!("datapulse: {error:#}");
    eprintln!("{}", Redactor::default().redact(&text));
}
