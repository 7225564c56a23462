//! A page in front of somebody: it goes somewhere, is looked at, and is asked what it says.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::chromium::Browser;
use crate::inspect;

/// How long a page may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(45);
/// Between two looks at a page that is being replaced.
const LOOK: Duration = Duration::from_millis(50);
/// What questions are asked with.
const ASKING: &str = include_str!("page.js");
/// Makes a picture small.
const SMALL: &str = include_str!("small.js");

/// What somebody holds in the hand or has on the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// 360 × 740, touched.
    Phone,
    /// 1280 × 800, with a mouse.
    Pc,
    /// The same without a mouse.
    Keyboard,
}

impl Device {
    pub const fn size(self) -> (u32, u32) {
        match self {
            Self::Phone => (360, 740),
            Self::Pc | Self::Keyboard => (1280, 800),
        }
    }
}

/// What the page did that nobody asked for.
#[derive(Default)]
struct Noted {
    wrong: Mutex<Vec<String>>,
    hosts: Mutex<BTreeSet<String>>,
    bytes: AtomicU64,
    no_script: AtomicBool,
}

/// One page of one person, with cookies and storage of its own.
pub struct Tab {
    pub device: Device,
    pub base: String,
    browser: Arc<Browser>,
    context: Option<String>,
    session: String,
    loads: watch::Receiver<u64>,
    noted: Arc<Noted>,
}

impl Tab {
    /// A new person at that address.
    pub async fn of(browser: &Arc<Browser>, device: Device, base: &str) -> Self {
        let context = browser.call(None, "Target.createBrowserContext", json!({})).await.expect("a context");
        let context = context["browserContextId"].as_str().expect("an id").to_owned();
        Self::opened(browser, device, base, Some(context)).await
    }

    /// The person whom this browser's own profile belongs to.
    pub async fn of_profile(browser: &Arc<Browser>, device: Device, base: &str) -> Self {
        Self::opened(browser, device, base, None).await
    }

    async fn opened(browser: &Arc<Browser>, device: Device, base: &str, context: Option<String>) -> Self {
        let mut wanted = json!({"url": "about:blank"});
        if let Some(context) = &context {
            wanted["browserContextId"] = context.clone().into();
        }
        let target = browser.call(None, "Target.createTarget", wanted).await.expect("a page");
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call(None, "Target.attachToTarget", attach).await.expect("a session");
        let session = attached["sessionId"].as_str().expect("an id").to_owned();
        let (load, loads) = watch::channel(0);
        let noted = Arc::new(Noted::default());
        let by_itself = Arc::clone(&noted);
        browser.listens(
            &session,
            Box::new(move |method, params| {
                if method == "Page.loadEventFired" || method == "Page.frameNavigated" {
                    load.send_modify(|count| *count += 1);
                }
                by_itself.take(method, params);
            }),
        );
        let browser = Arc::clone(browser);
        let tab = Self { device, base: base.to_owned(), browser, context, session, loads, noted };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.does(&format!("{domain}.enable"), json!({})).await;
        }
        tab.becomes(device).await;
        tab
    }

    async fn becomes(&self, device: Device) {
        let touched = device == Device::Phone;
        self.sized(device.size()).await;
        self.does("Emulation.setTouchEmulationEnabled", json!({"enabled": touched, "maxTouchPoints": 5}))
            .await;
        self.does("Emulation.setFocusEmulationEnabled", json!({"enabled": true})).await;
        if touched {
            let agent = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36";
            self.does(
                "Emulation.setUserAgentOverride",
                json!({"userAgent": agent, "platform": "Linux armv8l"}),
            )
            .await;
        }
    }

    /// Another width and height, in CSS pixels.
    pub async fn sized(&self, (width, height): (u32, u32)) {
        let mobile = self.device == Device::Phone;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.does("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Dark or light, screen or paper.
    pub async fn lit(&self, dark: bool, media: &str) {
        let scheme = if dark { "dark" } else { "light" };
        let features =
            json!({"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.does("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn without_script(&self) {
        self.does("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        self.noted.no_script.store(true, Ordering::SeqCst);
    }

    /// Whether timers run on its pages.
    pub fn has_script(&self) -> bool {
        !self.noted.no_script.load(Ordering::SeqCst)
    }

    /// The phone has lost its network, or found it again: what the browser itself knows of it.
    pub async fn offline(&self, offline: bool) {
        let conditions =
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.does("Network.emulateNetworkConditions", conditions).await;
    }

    /// A command that must succeed.
    pub async fn does(&self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params).await.expect("the browser obeys")
    }

    /// Goes to an address and waits until it is loaded.
    pub async fn opens(&self, path: &str) {
        let gone = self.does("Page.navigate", json!({"url": format!("{}{path}", self.base)})).await;
        assert!(gone["errorText"].is_null(), "{path}: {}", gone["errorText"]);
        self.until(path, "document.readyState === 'complete'").await;
    }

    pub async fn reloads(&self) {
        self.does("Page.reload", json!({})).await;
    }

    /// What an expression of `page.js` is worth on the page as it is now.
    pub async fn asks(&self, expression: &str) -> Result<Value, String> {
        let expression = format!("(async () => {{ {ASKING}; return {expression}; }})()");
        self.evaluates(&expression).await
    }

    /// Runs a script in the page, past its policy.
    pub async fn evaluates(&self, expression: &str) -> Result<Value, String> {
        let question = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.browser.call(Some(&self.session), "Runtime.evaluate", question).await?;
        match answer.get("exceptionDetails") {
            Some(wrong) => Err(wrong["exception"]["description"].to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression holds, on whatever page is there by then; its value.
    pub async fn until(&self, what: &str, condition: &str) {
        let question = format!("await when(() => {condition})");
        let mut last = String::new();
        let waiting = async {
            let mut loads = self.loads.clone();
            loads.mark_unchanged();
            loop {
                tokio::select! {
                    answer = self.asks(&question) => match answer {
                        Ok(_) => return,
                        // The page went away while it was asked.
                        Err(error) => {
                            last = error;
                            drop(timeout(LOOK, loads.changed()).await);
                        }
                    },
                    _ = loads.changed() => {}
                }
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            let shown = self.asks("[location.href, everything()]").await;
            panic!("{what}: not within {} s. {shown:?} {last}", PATIENCE.as_secs());
        }
    }

    /// Waits until the page says these words; every page that is read so is read for foreign words too.
    pub async fn says(&self, wanted: &str) {
        self.until(wanted, &format!("says({})", quoted(wanted))).await;
        self.is_indonesian().await;
    }

    pub async fn is_indonesian(&self) {
        // A page that is just being left is read by whoever waits for the next one.
        if let Ok(Value::String(text)) = self.asks("everything()").await {
            inspect::is_indonesian(&text);
        }
    }

    /// What a person can read right now.
    pub async fn text(&self) -> String {
        let text = self.asks("words()").await.expect("a page");
        text.as_str().expect("a text").to_owned()
    }

    pub async fn path(&self) -> String {
        let path = self.asks("location.pathname").await.expect("a page");
        path.as_str().expect("a text").to_owned()
    }

    /// The page as a picture, as long as it is.
    pub async fn picture(&self) -> Vec<u8> {
        let metrics = self.does("Page.getLayoutMetrics", json!({})).await;
        let (width, height) = (&metrics["cssContentSize"]["width"], &metrics["cssContentSize"]["height"]);
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.does("Page.captureScreenshot", wanted).await;
        let small =
            self.evaluates(&format!("({SMALL})({})", picture["data"])).await.expect("a smaller picture");
        STANDARD.decode(small.as_str().expect("a picture")).expect("base64")
    }

    /// Bytes that have come over the network so far, as they were sent.
    pub fn loaded(&self) -> u64 {
        self.noted.bytes.load(Ordering::SeqCst)
    }

    /// No script has failed, nothing was blocked by the policy, and nobody but the gateway was asked for anything.
    pub fn is_clean(&self) {
        let wrong = self.noted.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(wrong.is_empty(), "{wrong:#?}");
        let hosts = self.noted.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = self.base.split('/').nth(2).expect("a host");
        assert!(hosts.iter().all(|host| host == ours), "{hosts:?} besides {ours}");
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.browser.forgets(&self.session);
        if let Some(context) = &self.context {
            self.browser.mentions("Target.disposeBrowserContext", &json!({"browserContextId": context}));
        }
    }
}

impl Noted {
    fn take(&self, method: &str, params: &Value) {
        let note = |text: String| self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        match method {
            "Runtime.exceptionThrown" => note(params["exceptionDetails"].to_string()),
            // A line that is cut on purpose is no fault of the page.
            "Log.entryAdded"
                if params["entry"]["level"] == "error" && params["entry"]["source"] != "network" =>
            {
                note(params["entry"].to_string());
            }
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                if let Some(host) = url.strip_prefix("http").and_then(|rest| rest.split('/').nth(2)) {
                    self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
                }
            }
            "Network.loadingFinished" => {
                let bytes = params["encodedDataLength"].as_u64().unwrap_or_default();
                self.bytes.fetch_add(bytes, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

/// As a script writes a text.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
