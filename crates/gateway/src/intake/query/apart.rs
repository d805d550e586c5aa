//! Queries are work: they have threads of their own, so that the server answers while they run.

use std::sync::OnceLock;

use axum::http::StatusCode;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::elastic::Refusal;

/// Made with the first query, for the process's life.
static THREADS: OnceLock<Result<Runtime, String>> = OnceLock::new();

fn threads() -> Result<&'static Runtime, Refusal> {
    let made = THREADS.get_or_init(|| {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(count).thread_name("queries");
        builder
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|error| broken(error))
}

fn broken(why: &str) -> Refusal {
    let reason = format!("the query can't be run: {why}");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Refusal::new(status, "esql_internal_exception", reason)
}

/// Ends its work where nobody waits for it any more.
struct Waiting<T>(JoinHandle<T>);

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs work on those threads; it ends where this future is dropped.
pub async fn apart<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    let mut waiting = Waiting(threads()?.spawn(work));
    let ended = (&mut waiting.0).await;
    ended.map_err(|error| broken(&error.to_string()))
}
