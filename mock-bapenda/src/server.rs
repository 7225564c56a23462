//! The two listeners: accepts connections, bounds what comes in, and can end a connection the hard way.
//!
//! Promises: keep-alive; a body above 64 KiB is refused; a request whose sender has gone is given up.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::host::Host;
use crate::route::respond;
use crate::state::State;

/// A connection that sends no request head for so long is closed; longer than clients usually keep an idle one.
const HEAD_WAIT: Duration = Duration::from_mins(2);

/// Serves one host for ever; dropping the future ends every connection.
pub(crate) async fn serve(state: Arc<State>, host: Host, listener: TcpListener) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        // A failed accept concerns one caller only; the next one may succeed.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        connections.spawn(connection(Arc::clone(&state), host, stream));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(state: Arc<State>, host: Host, stream: TcpStream) {
    // Without it small answers may wait for the other side's acknowledgement; failing that, they are only slower.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let line = Line { stream, reset: Arc::clone(&reset) };
    let service = service_fn(move |request| respond(Arc::clone(&state), host, request, Arc::clone(&reset)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(line), service);
    // Whatever ended the connection, its partner sees it too; there is nobody else to tell.
    let _ = served.await;
}

/// A socket that can be told to end with a reset instead of a farewell.
struct Line {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            // If the system cannot reset, the connection closes without an answer all the same.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// An answer's body: whole, or promised whole and cut half-way.
#[derive(Debug)]
pub(crate) struct Content {
    left: Option<Bytes>,
    length: u64,
    cut: Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    Here,
    /// The half has been handed over; one turn is left for it to reach the wire.
    Sent,
}

impl Content {
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len() as u64, left: Some(Bytes::from(bytes)), cut: Cut::Never }
    }

    pub(crate) fn cut_short(bytes: Vec<u8>) -> Self {
        Self { cut: Cut::Here, ..Self::whole(bytes) }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let half = usize::try_from(self.length / 2).unwrap_or(0);
        match (self.cut, self.left.take()) {
            (Cut::Never, Some(bytes)) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (Cut::Never, _) => Poll::Ready(None),
            (Cut::Here, Some(bytes)) if half > 0 => Poll::Ready(Some(Ok(Frame::data(bytes.slice(..half))))),
            (Cut::Here, _) => {
                self.cut = Cut::Sent;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (Cut::Sent, _) => Poll::Ready(Some(Err(io::Error::other("cut short on order")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.length == 0 && self.cut == Cut::Never
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
