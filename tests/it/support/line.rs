//! A line between the gateway and what it talks to: it can be cut, stalled, made to drip, or made to lose a COMMIT.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use samsat_gateway::config::Config;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::database;

/// What happens to bytes that the gateway sends.
#[derive(Clone, Debug)]
pub enum Mode {
    /// They arrive.
    Pass,
    /// They are swallowed, and nobody answers.
    Swallow,
    /// They are swallowed, and this is the answer, byte for byte; then the connection ends.
    Says(Vec<u8>),
    /// They are swallowed, and an answer comes byte by byte, for ever.
    Drip,
    /// They arrive, and what is answered gets lost on the way back.
    Deaf,
}

/// A COMMIT to lose: the how-manieth from now, and whether the server still gets it.
#[derive(Clone, Copy)]
struct Lost {
    countdown: usize,
    delivered: bool,
}

struct Shared {
    target: SocketAddr,
    mode: Mutex<Mode>,
    lost: Mutex<Option<Lost>>,
}

/// One line, to one server.
pub struct Line {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Line {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { target, mode: Mutex::new(Mode::Pass), lost: Mutex::new(None) });
        let listening = Mutex::new(Some(tokio::spawn(accept(Arc::clone(&shared), listener))));
        Self { address, shared, listening }
    }

    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().expect("no panic") = mode;
    }

    /// Nobody listens any more, and every connection is gone.
    pub async fn close(&self) {
        let task = self.listening.lock().expect("no panic").take();
        if let Some(task) = task {
            task.abort();
            drop(task.await);
        }
    }

    /// Listens again, where it did before.
    pub async fn open(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        let task = tokio::spawn(accept(Arc::clone(&self.shared), listener));
        *self.listening.lock().expect("no panic") = Some(task);
    }

    /// The nth COMMIT from now loses its connection: after the server has done it, or before it hears of it.
    pub fn lose_commit(&self, nth: usize, delivered: bool) {
        *self.shared.lost.lock().expect("no panic") = Some(Lost { countdown: nth, delivered });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(task) = self.listening.lock().expect("no panic").take() {
            task.abort();
        }
    }
}

/// Connections live in this task: when it is aborted they end with it.
async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(Arc::clone(&shared), client));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(shared: Arc<Shared>, mut client: TcpStream) -> Option<()> {
    let mut server = TcpStream::connect(shared.target).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let bytes = asked.get(..read.ok().filter(|n| *n > 0)?)?;
                let mode = shared.mode.lock().expect("no panic").clone();
                match mode {
                    Mode::Pass => match shared.loses(bytes) {
                        None => server.write_all(bytes).await.ok()?,
                        Some(false) => return None,
                        Some(true) => {
                            server.write_all(bytes).await.ok()?;
                            // The server has done it once it answers; nobody hears that.
                            return server.read(&mut answered).await.ok().and(None);
                        }
                    },
                    Mode::Swallow => {}
                    Mode::Says(answer) => {
                        client.write_all(&answer).await.ok()?;
                        return client.shutdown().await.ok();
                    }
                    Mode::Drip => return drip(client).await,
                    Mode::Deaf => server.write_all(bytes).await.ok()?,
                }
            }
            read = server.read(&mut answered) => {
                let bytes = answered.get(..read.ok().filter(|n| *n > 0)?)?;
                let deaf = matches!(*shared.mode.lock().expect("no panic"), Mode::Deaf);
                if !deaf {
                    client.write_all(bytes).await.ok()?;
                }
            }
        }
    }
}

async fn drip(mut client: TcpStream) -> Option<()> {
    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Slow: ").await.ok()?;
    let mut drops = tokio::time::interval(Duration::from_millis(20));
    loop {
        drops.tick().await;
        client.write_all(b"a").await.ok()?;
    }
}

impl Shared {
    /// Whether these bytes are the COMMIT to lose, and if so whether the server still gets it.
    fn loses(&self, bytes: &[u8]) -> Option<bool> {
        const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
        let mut lost = self.lost.lock().expect("no panic");
        let waiting = lost.as_mut()?;
        if !bytes.windows(COMMIT.len()).any(|window| window == COMMIT) {
            return None;
        }
        waiting.countdown -= 1;
        if waiting.countdown > 0 {
            return None;
        }
        lost.take().map(|lost| lost.delivered)
    }
}

/// What can be cut.
pub struct Lines {
    pub database: Line,
    pub bapenda: Line,
    pub jasa_raharja: Line,
}

impl Lines {
    pub async fn laid(config: &mut Config) -> Self {
        let database = Line::to(database::address_of(config.database.url.expose_secret())).await;
        let bapenda = Line::to(database::address_of(&config.upstream.bapenda.url)).await;
        let jasa_raharja = Line::to(database::address_of(&config.upstream.jasa_raharja.url)).await;
        let url = config.database.url.expose_secret();
        let (before, after) = (url.split_once('@'), url.rsplit_once('/'));
        let (user, name) = (before.expect("a user").0, after.expect("a name").1);
        config.database.url =
            SecretString::from(format!("{user}@{}/{name}?sslmode=disable", database.address));
        config.upstream.bapenda.url = format!("http://{}", bapenda.address);
        config.upstream.jasa_raharja.url = format!("http://{}", jasa_raharja.address);
        Self { database, bapenda, jasa_raharja }
    }
}
