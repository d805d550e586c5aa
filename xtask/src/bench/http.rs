//! HTTP/1.1 over one kept connection: as much as measuring on loopback needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// No request of a benchmark takes longer; merging a day into one segment takes longest.
const TIMEOUT: Duration = Duration::from_secs(900);

pub struct Connection {
    stream: BufReader<TcpStream>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    pub fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        self.answer().with_context(|| format!("{method} {path}"))
    }

    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "application/json", b"")
    }

    /// A JSON answer to a JSON body; any other status than 200 is an error.
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.send(
            "POST",
            path,
            "application/json",
            body.to_string().as_bytes(),
        )?
        .json(path)
    }

    fn answer(&mut self) -> Result<Answer> {
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .with_context(|| format!("no status in {status:?}"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        let mut body = Vec::new();
        if !chunked {
            self.read(&mut body, length)?;
            return Ok(Answer { status, body });
        }
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16).context("a chunk's size")?;
            self.read(&mut body, size)?;
            self.line()?;
            if size == 0 {
                return Ok(Answer { status, body });
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end().to_owned())
    }

    fn read(&mut self, body: &mut Vec<u8>, length: usize) -> Result<()> {
        let start = body.len();
        body.resize(start + length, 0);
        Ok(self.stream.read_exact(&mut body[start..])?)
    }
}

impl Answer {
    pub fn json(&self, of: &str) -> Result<Value> {
        if self.status != 200 {
            bail!(
                "{of}: status {}: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            );
        }
        serde_json::from_slice(&self.body).with_context(|| of.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::Connection;

    #[test]
    fn answers_with_a_length_and_in_chunks() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            ] {
                let mut asked = [0; 1024];
                let read = stream.read(&mut asked).expect("a request");
                assert!(asked[..read].starts_with(b"GET /a HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).expect("is sent");
            }
        });
        let mut connection = Connection::open(address).expect("is open");
        let first = connection.get("/a").expect("an answer");
        assert_eq!((first.status, first.body.as_slice()), (200, &b"{}"[..]));
        let second = connection.get("/a").expect("an answer");
        assert_eq!((second.status, second.body.as_slice()), (404, &b"abcd"[..]));
        assert!(second.json("a").is_err());
        server.join().expect("ends");
    }
}
