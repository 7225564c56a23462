//! A Chromium of our own: found, started without a window, spoken to over a pipe, ended with its test.
//!
//! What it is told and what it says are JSON texts that end in a zero byte, on its file descriptors 3 and 4. When the
//! pipe closes Chromium ends by itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

/// How long Chromium may take to start, and to answer anything.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to end when asked.
const GRACE: Duration = Duration::from_secs(5);

/// A folder of that age was left by tests that were killed.
const LEFT_BEHIND: Duration = Duration::from_hours(2);

/// It talks to nobody but the gateway under test, keeps nothing, and does not slow pages that nobody looks at.
const OPTIONS: [&str; 27] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,PasswordManager",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--password-store=basic",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
];

/// What a page has said by itself.
pub type Heard = Box<dyn Fn(&str, &Value) + Send + Sync>;

#[derive(Default)]
struct Wires {
    /// Who waits for the answer of which number.
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Result<Value, String>>>>,
    /// Who listens to which session.
    listening: Mutex<BTreeMap<String, Heard>>,
}

/// A running Chromium.
pub struct Browser {
    child: Mutex<Child>,
    to: Mutex<ChildStdin>,
    wires: Arc<Wires>,
    next: AtomicU64,
    /// Tells when the pipe has closed.
    ended: Mutex<mpsc::Receiver<()>>,
    profile: Profile,
}

/// The folder that it writes to; gone with the last who uses it.
#[derive(Clone)]
pub struct Profile(Arc<Folder>);

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Profile {
    pub fn new() -> Self {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|found| found.modified()).map(|at| at.elapsed());
            let old = age.is_ok_and(|age| age.is_ok_and(|age| age > LEFT_BEHIND));
            if old && entry.file_name().to_string_lossy().starts_with("browser-") {
                drop(std::fs::remove_dir_all(entry.path()));
            }
        }
        let path = all.join(format!("browser-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(Arc::new(Folder(path)))
    }
}

/// Where it is installed: what `SAMSAT_TEST_CHROMIUM` names, Debian's place, or `PATH`.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SAMSAT_TEST_CHROMIUM") {
        let named = PathBuf::from(named);
        return named.is_file().then_some(named);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    let on_path = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    std::iter::once(PathBuf::from("/usr/lib/chromium/chromium")).chain(on_path).find(|path| path.is_file())
}

/// The browser that all tests share, each in a context of its own; or the loud line.
///
/// # Panics
/// When there is none and `SAMSAT_TEST_BROWSER` says `required`, or it does not start.
pub async fn shared() -> Option<Arc<Browser>> {
    static SHARED: tokio::sync::Mutex<Weak<Browser>> = tokio::sync::Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(browser) = shared.upgrade() {
        return Some(browser);
    }
    let browser = Arc::new(Browser::start(&Profile::new()).await?);
    *shared = Arc::downgrade(&browser);
    Some(browser)
}

/// Says that a journey was not played, past the test runner's capture.
fn skipped() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let required = std::env::var("SAMSAT_TEST_BROWSER").is_ok_and(|value| value == "required");
    let name = std::thread::current().name().unwrap_or("a journey").to_owned();
    let advice = "install Debian's package chromium, or name the program in SAMSAT_TEST_CHROMIUM";
    assert!(!required, "no Chromium for {name}: {advice}");
    let count = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
    let line = format!("\n!!! BROWSER JOURNEY SKIPPED ({count} so far): {name}: no Chromium; {advice} !!!\n");
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}

impl Browser {
    /// Starts one on that folder; none when none is installed.
    pub async fn start(profile: &Profile) -> Option<Self> {
        let Some(program) = program() else {
            skipped();
            return None;
        };
        let folder = &profile.0.0;
        let log = std::fs::File::options().create(true).append(true).open(folder.join("chromium.log"));
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2"])
            .arg(program)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", folder.display()))
            .arg("about:blank")
            .env("HOME", folder)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"))
            .process_group(0);
        let mut child = command.spawn().expect("sh runs");
        let to = child.stdin.take().expect("a pipe");
        let from = child.stdout.take().expect("a pipe");
        let wires = Arc::new(Wires::default());
        let listener = Arc::clone(&wires);
        let (ends, ended) = mpsc::channel();
        std::thread::spawn(move || {
            listener.listen(from);
            ends.send(()).ok()
        });
        let browser = Self {
            child: Mutex::new(child),
            to: Mutex::new(to),
            wires,
            next: AtomicU64::new(1),
            ended: Mutex::new(ended),
            profile: profile.clone(),
        };
        let version = browser.call(None, "Browser.getVersion", json!({})).await;
        let log = || std::fs::read_to_string(folder.join("chromium.log")).unwrap_or_default();
        version.unwrap_or_else(|error| panic!("Chromium does not start: {error}\n{}", log()));
        Some(browser)
    }

    /// One command and its answer; the browser's own words when it refuses or is gone.
    pub async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let (answers, answer) = oneshot::channel();
        lock(&self.wires.waiting).insert(id, answers);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        lock(&self.to).write_all(&bytes).map_err(|error| format!("{method}: {error}"))?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer.map_err(|error| format!("{method}: {error}")),
            Ok(Err(_)) => Err(format!("{method}: the browser is gone")),
            Err(_) => Err(format!("{method}: no answer within {} s", PATIENCE.as_secs())),
        }
    }

    /// From now on what this session says by itself goes there.
    pub fn listens(&self, session: &str, heard: Heard) {
        lock(&self.wires.listening).insert(session.to_owned(), heard);
    }

    /// Says something without waiting for an answer: somebody is leaving.
    pub fn mentions(&self, method: &str, params: &Value) {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let mut bytes = json!({"id": id, "method": method, "params": params}).to_string().into_bytes();
        bytes.push(0);
        drop(lock(&self.to).write_all(&bytes));
    }

    pub fn forgets(&self, session: &str) {
        lock(&self.wires.listening).remove(session);
    }

    /// `kill -9` for all of it, as a battery that is empty; tells where it kept its things.
    pub fn dies(self) -> Profile {
        self.kill();
        self.profile.clone()
    }

    fn kill(&self) {
        let mut child = lock(&self.child);
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        let group = format!("-{}", child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status());
        drop(child.wait());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.mentions("Browser.close", &json!({}));
        // In time or not: whatever is left is killed.
        lock(&self.ended).recv_timeout(GRACE).ok();
        self.kill();
    }
}

impl Wires {
    fn listen(&self, from: impl Read) {
        let mut from = BufReader::new(from);
        let mut message = vec![];
        while from.read_until(0, &mut message).is_ok_and(|read| read > 0) {
            message.pop();
            if let Ok(said) = serde_json::from_slice::<Value>(&message) {
                self.take(said);
            }
            message.clear();
        }
        lock(&self.waiting).clear();
    }

    fn take(&self, mut said: Value) {
        if let Some(id) = said["id"].as_u64() {
            let answer = match said["error"]["message"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(said["result"].take()),
            };
            if let Some(waiting) = lock(&self.waiting).remove(&id) {
                drop(waiting.send(answer));
            }
            return;
        }
        let (Some(session), Some(method)) = (said["sessionId"].as_str(), said["method"].as_str()) else {
            return;
        };
        if let Some(heard) = lock(&self.listening).get(session) {
            heard(method, &said["params"]);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
