//! A way to the server that loses answers: what a network does at the worst moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is done to requests whose first line holds a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loses {
    /// The server does what was asked; its answer is lost.
    Answers,
    /// The server never hears of it.
    Requests,
}

pub struct Proxy {
    pub url: String,
    /// How many have been lost.
    pub lost: Arc<AtomicU32>,
}

/// Loses the first `count` exchanges whose first line holds `word`.
pub async fn losing(word: &'static str, loses: Loses, count: u32) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let lost = Arc::new(AtomicU32::new(0));
    let counted = lost.clone();
    let server = crate::server::url().replace("http://", "");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (server, lost) = (server.clone(), counted.clone());
            tokio::spawn(async move {
                let _ = exchange(stream, &server, word, loses, count, &lost).await;
            });
        }
    });
    Proxy { url, lost }
}

/// One exchange a connection, which is closed after it.
async fn exchange(
    mut from: TcpStream,
    server: &str,
    word: &str,
    loses: Loses,
    count: u32,
    lost: &AtomicU32,
) -> std::io::Result<()> {
    let request = request(&mut from).await?;
    let first = request
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let hit = String::from_utf8_lossy(first).contains(word)
        && lost
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                (now < count).then_some(now + 1)
            })
            .is_ok();
    if hit && loses == Loses::Requests {
        return Ok(());
    }
    let mut to = TcpStream::connect(server).await?;
    to.write_all(&request).await?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer).await?;
    if !hit {
        from.write_all(&answer).await?;
    }
    Ok(())
}

/// A whole request, which asks for the connection's end.
async fn request(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        let read = from.read(&mut part).await?;
        bytes.extend_from_slice(&part[..read]);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok())
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let close = b"\r\nconnection: close".to_vec();
                bytes.splice(end..end, close);
                return Ok(bytes);
            }
        }
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
