//! A server on a real socket that plays another system in tests: it answers as the test says, or
//! half, or never.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any call of a test waits.
const FOREVER: Duration = Duration::from_secs(120);

/// What it got.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    headers: Vec<(String, String)>,
    /// Null where there was none.
    pub body: Value,
}

/// What it does with a request.
pub(crate) enum Does {
    Answer(u16, Value),
    /// With headers, each `name: value`.
    AnswerWith(u16, &'static [&'static str], Value),
    /// The head and some of the body, then the end.
    Half,
    /// Closes without a word.
    HangUp,
    /// Says nothing.
    Nothing,
}

pub(crate) struct StandIn {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `GET /path`, without the query.
    pub fn what(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    /// As the guides show it: method, path and query, then the body.
    pub fn shown(&self) -> String {
        // In one order, however the JSON library was built.
        let body = model::action::sorted(&self.body);
        let body = serde_json::to_string_pretty(&body).unwrap_or_default();
        match self.body {
            Value::Null => format!("{} {}", self.method, self.path),
            _ => format!("{} {}\n{body}", self.method, self.path),
        }
    }

    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?')?.1;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl StandIn {
    /// One that does with each request what `does` says, the first has the number 0.
    pub async fn start(does: impl Fn(&Asked, usize) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (does, got) = (Arc::new(does), asked.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (does, got) = (does.clone(), got.clone());
                tokio::spawn(async move { serve(socket, &*does, &got).await });
            }
        });
        Self { port, asked }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was asked, in order, without queries.
    pub fn order(&self) -> Vec<String> {
        self.asked().iter().map(Asked::what).collect()
    }
}

async fn serve(
    mut socket: TcpStream,
    does: &(impl Fn(&Asked, usize) -> Does + Send + Sync),
    got: &Mutex<Vec<Asked>>,
) {
    let Some(asked) = read(&mut socket).await else {
        return;
    };
    let does = {
        let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
        got.push(asked.clone());
        does(&asked, got.len() - 1)
    };
    let (status, headers, body) = match does {
        Does::Answer(status, body) => (status, &[][..], body),
        Does::AnswerWith(status, headers, body) => (status, headers, body),
        Does::Half => {
            let half = b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{\"key\":";
            let _ = socket.write_all(half).await;
            return;
        }
        Does::HangUp => return,
        Does::Nothing => return tokio::time::sleep(FOREVER).await,
    };
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}

async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = parse(&bytes) {
            return Some(asked);
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Asked> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap_or(0));
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some(Asked {
        method: first.next()?.to_owned(),
        path: first.next()?.to_owned(),
        headers,
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
    })
}
