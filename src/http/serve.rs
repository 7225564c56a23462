//! The accept loop: hyper's http1 with a header timer, a cap on connections and on those of one address.
//!
//! `axum::serve` has no header timeout: silent, half-open and idle sockets would stay for ever.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How much is accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Open connections at once.
    pub connections: usize,
    /// Of those, from one address.
    pub per_address: usize,
    /// For the headers of each request.
    pub header_timeout: Duration,
    /// For open requests after `stop`.
    pub drain: Duration,
}

/// Longest head of a request, in bytes.
const HEAD_MAX: usize = 32 * 1024;

type Addresses = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Who is at the other end of the connection: a client, or the proxy before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// A connection's place among those of its address; given back when dropped.
struct Place {
    address: IpAddr,
    addresses: Addresses,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// Serves until `stop`, then lets open requests end within `drain`.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses: Addresses = Arc::default();
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(place) = take_place(&addresses, peer, permit, limits.per_address) {
                    tokio::spawn(connection(stream, router.clone(), limits, place, graceful.watcher()));
                }
            }
            // Out of file descriptors, most likely: the loop would spin.
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open when the drain ended");
    }
}

fn take_place(
    addresses: &Addresses,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    max: usize,
) -> Option<Place> {
    let address = peer.ip();
    let mut counts = addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = counts.entry(address).or_default();
    if *count >= max {
        return None;
    }
    *count += 1;
    drop(counts);
    Some(Place { address, addresses: Arc::clone(addresses), _permit: permit })
}

async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    place: Place,
    watcher: hyper_util::server::graceful::Watcher,
) {
    drop(stream.set_nodelay(true));
    let peer = Peer(place.address);
    let router = router.map_request(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A client may close its sending side and still read the answer.
        .half_close(true)
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended");
    }
    drop(place);
}
