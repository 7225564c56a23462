//! What holds of every page: Indonesian, accessible, legible at any width, and the focus always in sight.

use std::collections::BTreeSet;

use serde_json::json;

use crate::tab::{Device, Tab};

/// The accessibility checker; see docs/decisions/040.
const AXE: &str = include_str!("axe/axe.min.js");

/// Words that only an English text has, and what a program says when nobody wrote a sentence for it.
const FOREIGN: [&str; 77] = [
    "the",
    "and",
    "is",
    "are",
    "was",
    "were",
    "not",
    "no",
    "yes",
    "error",
    "failed",
    "failure",
    "payment",
    "payments",
    "password",
    "sign",
    "login",
    "logout",
    "submit",
    "please",
    "amount",
    "invalid",
    "found",
    "pending",
    "receipt",
    "vehicle",
    "user",
    "username",
    "session",
    "refused",
    "confirmed",
    "open",
    "closed",
    "paid",
    "expired",
    "unknown",
    "with",
    "this",
    "that",
    "or",
    "cancel",
    "back",
    "next",
    "search",
    "save",
    "delete",
    "edit",
    "close",
    "print",
    "copy",
    "loading",
    "warning",
    "success",
    "home",
    "today",
    "account",
    "settings",
    "help",
    "date",
    "name",
    "again",
    "try",
    "balance",
    "cash",
    "drawer",
    "count",
    "fee",
    "from",
    "to",
    "of",
    "undefined",
    "null",
    "nan",
    "object",
    "true",
    "false",
    "internal",
];

/// No English, and no code of ours or of a host. Plates, masked names, numbers and signed texts are not read.
pub fn is_indonesian(text: &str) {
    let mut words = BTreeSet::new();
    let mut after_number = false;
    for token in text.split_whitespace() {
        let of_plate = after_number && token.len() <= 3 && token.bytes().all(|b| b.is_ascii_uppercase());
        after_number = token.bytes().all(|b| b.is_ascii_digit());
        let is_code = token.contains('_') && token.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        assert!(!is_code, "{token} in: {text}");
        let unread = token.len() > 40 || token.contains(|c: char| c == '*' || c.is_ascii_digit());
        if !of_plate && !unread {
            words.extend(token.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase));
        }
    }
    let foreign: Vec<&&str> = FOREIGN.iter().filter(|word| words.contains(**word)).collect();
    assert!(foreign.is_empty(), "{foreign:?} in: {text}");
}

/// Rules of WCAG 2.2 at level AA, and those that axe-core recommends beyond.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// Whatever can be pressed and is smaller than 44 px, but for a link within a sentence, a box within its label, and what
/// stands outside until it has the focus.
const SMALL: &str = "acts().map((e) => [e, e.labels && e.labels.length && ['checkbox', 'radio'].includes(e.type) ? e.labels[0] : e])
    .filter(([e]) => e.getBoundingClientRect().right > 0 && !(e.tagName === 'A' && getComputedStyle(e).display === 'inline' && squeeze(e.parentElement.innerText) !== called(e)))
    .map(([e, area]) => [called(e), Math.round(area.getBoundingClientRect().width), Math.round(area.getBoundingClientRect().height)])
    .filter(([, width, height]) => width < 44 || height < 44)";

impl Tab {
    /// Everything that must hold of a page, in light and dark, on a phone and on a PC; the tab is left as it was.
    pub async fn passes(&self, name: &str) {
        self.is_indonesian().await;
        self.evaluates(&format!("{AXE}; void 0")).await.expect("axe-core loads");
        for (device, dark) in
            [(Device::Phone, false), (Device::Phone, true), (Device::Pc, false), (Device::Pc, true)]
        {
            self.sized(device.size()).await;
            self.lit(dark, "").await;
            self.is_accessible(&format!("{name}, {device:?}, dark: {dark}")).await;
        }
        let pages = [(320, 640), (360, 740), (1280, 800)];
        for size in pages {
            self.sized(size).await;
            self.is_legible(name, size.0).await;
        }
        self.lit(false, "").await;
        self.sized(self.device.size()).await;
    }

    async fn is_accessible(&self, what: &str) {
        let options = json!({"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]});
        let script = format!(
            "(async () => (await axe.run(document, {options})).violations.map((v) => [v.id, v.help, v.nodes.map((n) => n.html)]))()"
        );
        let found = self.evaluates(&script).await.expect("axe-core runs");
        assert_eq!(found, json!([]), "{what}: {found:#}");
    }

    /// Nothing stands out to the right, and everything that can be pressed is large enough for a finger.
    async fn is_legible(&self, name: &str, width: u32) {
        let wide = self.asks("document.documentElement.scrollWidth").await.expect("a page");
        let wide = wide.as_u64().expect("a number");
        assert!(wide <= u64::from(width), "{name}: {wide} px in a window of {width}");
        let small = self.asks(SMALL).await.expect("a page");
        assert_eq!(small, json!([]), "{name} at {width} px: smaller than 44 px");
    }

    /// Whatever can be pressed is reached by the Tab key, with the focus in sight at every stop.
    pub async fn can_be_walked(&self, name: &str) {
        let all = "acts().filter((e) => !e.disabled && e.tabIndex >= 0 && (e.type !== 'radio' || e.checked)).map(called)";
        let wanted = self.asks(all).await.expect("a page");
        let wanted: Vec<String> = serde_json::from_value(wanted).expect("names");
        let mut walked = BTreeSet::new();
        // Once around, from wherever the page has put the focus.
        for _ in 0..wanted.len() + 3 {
            walked.extend(self.tabs().await);
        }
        let missed: Vec<&String> = wanted.iter().filter(|stop| !walked.contains(*stop)).collect();
        assert!(missed.is_empty(), "{name}: {missed:?} never reached by Tab, only {walked:?}");
    }
}
