//! A server that answers with given bytes, whatever it is asked: for answers that no real server
//! gives on demand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is done with one connection.
pub enum Script {
    Answer(Vec<u8>),
    /// Takes the question and is silent.
    Silence,
}

/// Heads of requests that came.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: &str) -> Script {
    Script::Answer(
        format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// One that announces more than it gives.
pub fn cut(body: &str) -> Script {
    let length = body.len() + 10;
    Script::Answer(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes(),
    )
}

/// One connection a script, in order; the last one is for all that come after.
pub async fn start(scripts: Vec<Script>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (asked, seen) = (Asked::default(), scripts);
    let told = asked.clone();
    tokio::spawn(async move {
        let mut next = 0;
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let head = question(&mut stream).await;
            told.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(head);
            match &seen[next.min(seen.len() - 1)] {
                Script::Answer(bytes) => {
                    stream.write_all(bytes).await.expect("it listens");
                    stream.shutdown().await.expect("closes");
                }
                Script::Silence => {
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                        drop(stream);
                    });
                }
            }
            next += 1;
        }
    });
    (url, asked)
}

pub fn count(asked: &Asked) -> usize {
    asked.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// The head, after the body was read too.
async fn question(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a length"));
            if body.len() >= length {
                return head.to_owned();
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}
