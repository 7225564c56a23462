//! What a person does to a page: with a finger, a mouse, or a keyboard alone.

use serde_json::json;
use tokio::time::Instant;

use crate::tab::{Device, Tab, quoted};

/// More stops than any page has.
const STOPS_MAX: usize = 80;

impl Tab {
    /// Presses what is called so, or begins so.
    pub async fn presses(&self, name: &str) {
        match self.device {
            Device::Keyboard => {
                let kind = self.reaches(name).await;
                self.strikes(if kind == "checkbox" || kind == "radio" { " " } else { "Enter" }).await;
            }
            Device::Phone => {
                let spot = self.spot(name).await;
                self.taps(spot).await;
            }
            Device::Pc => {
                let (x, y) = self.spot(name).await;
                for kind in ["mousePressed", "mouseReleased"] {
                    let at = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
                    self.does("Input.dispatchMouseEvent", at).await;
                }
            }
        }
    }

    /// One tap.
    pub async fn taps(&self, (x, y): (f64, f64)) {
        let down = json!({"type": "touchStart", "touchPoints": [{"x": x, "y": y}]});
        self.does("Input.dispatchTouchEvent", down).await;
        self.does("Input.dispatchTouchEvent", json!({"type": "touchEnd", "touchPoints": []})).await;
    }

    /// Where it can be touched: it is there, it may be pressed, and nothing lies over it.
    pub async fn spot(&self, name: &str) -> (f64, f64) {
        let there = format!("spot({})", quoted(name));
        self.until(&format!("{name:?} can be touched"), &there).await;
        let question = if self.has_script() { format!("await steady({})", quoted(name)) } else { there };
        let spot = self.asks(&question).await.expect("a page that stays");
        (spot["x"].as_f64().expect("a number"), spot["y"].as_f64().expect("a number"))
    }

    /// Writes into the field of that label, over what stands there.
    pub async fn fills(&self, label: &str, text: &str) {
        if self.device == Device::Keyboard {
            self.reaches(label).await;
            if self.asks("focused().value !== ''").await == Ok(true.into()) {
                self.does("Input.dispatchKeyEvent", json!({"type": "keyDown", "commands": ["selectAll"]}))
                    .await;
            }
            for letter in text.chars() {
                self.strikes(&letter.to_string()).await;
            }
        } else {
            self.presses(label).await;
            let called = quoted(label);
            let focus = format!("find({called}) === document.activeElement");
            self.until(&format!("{label:?} has the focus"), &focus).await;
            self.asks("document.activeElement.select()").await.expect("a field");
            // As the phone's own keyboard puts it in.
            self.does("Input.insertText", json!({"text": text})).await;
        }
        let written = format!("find({}).value === {}", quoted(label), quoted(text));
        self.until(&format!("{label:?} has its text"), &written).await;
    }

    /// Tab by tab to what is called so, with the focus to be seen at every stop; tells which kind of field it is.
    pub async fn reaches(&self, name: &str) -> String {
        self.until(&format!("{name:?} is there"), &format!("find({})", quoted(name))).await;
        let wanted = format!("document.activeElement === find({})", quoted(name));
        for _ in 0..STOPS_MAX {
            if self.asks(&wanted).await == Ok(true.into()) {
                let focus = self.asks("focused()").await.expect("a page");
                return focus["kind"].as_str().unwrap_or_default().to_owned();
            }
            self.tabs().await;
        }
        panic!("no way to {name:?} by Tab on {}", self.path().await);
    }

    /// One stop on; the focus is to be seen there. Tells its name, nothing beyond the last.
    pub async fn tabs(&self) -> Option<String> {
        self.strikes("Tab").await;
        let focus = self.asks("focused()").await.expect("a page");
        let name = focus["name"].as_str()?.to_owned();
        for (what, why) in [
            ("ring", "no ring shows the focus"),
            ("inside", "the focus is outside the window"),
            ("free", "something lies over the focus"),
        ] {
            assert!(focus[what] == true, "{why}: {focus} on {}", self.path().await);
        }
        Some(name)
    }

    /// One key, down and up.
    pub async fn strikes(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            " " => ("Space", 32, " "),
            letter => ("", 0, letter),
        };
        let name = if code == "Space" { " " } else { key };
        let mut down = json!({"type": "keyDown", "key": name, "code": code, "windowsVirtualKeyCode": number});
        if !text.is_empty() {
            down["text"] = text.into();
        }
        self.does("Input.dispatchKeyEvent", down).await;
        let up = json!({"type": "keyUp", "key": name, "code": code, "windowsVirtualKeyCode": number});
        self.does("Input.dispatchKeyEvent", up).await;
    }

    /// Notes from now on with what things are pressed, on every page of this person.
    pub async fn notes_hands(&self) {
        let script = "addEventListener('click', (e) => sessionStorage.setItem('tangan',
            `${sessionStorage.getItem('tangan') || ''}${e.pointerType || 'keys'} `), true);";
        self.does("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    }

    /// Everything was pressed with that and with nothing else.
    pub async fn was_pressed_only_with(&self, wanted: &str) {
        let noted = self.asks("sessionStorage.getItem('tangan')").await.expect("a page");
        let noted = noted.as_str().unwrap_or_default().to_owned();
        let hands: Vec<&str> = noted.split_whitespace().collect();
        assert!(hands.len() > 3 && hands.iter().all(|hand| *hand == wanted), "{noted:?}, not only {wanted}");
    }

    /// As often as it takes within a deadline, something that the page itself cannot tell.
    pub async fn patiently(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + std::time::Duration::from_secs(30);
        while !look().await {
            assert!(Instant::now() < deadline, "{what}");
            tokio::task::yield_now().await;
        }
    }
}
