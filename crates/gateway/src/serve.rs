//! A socket with the router on it, until told to stop.

use std::future::Future;

use axum::Router;
use tokio::net::TcpListener;

/// Serves until `stop` is done; requests under way are finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}
