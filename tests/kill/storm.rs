//! Many citizens at once, while somebody breaks things.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::outlet::Attempt;
use crate::stack::Stack;

/// How many vehicles are through.
#[derive(Debug, Default)]
pub struct Progress(AtomicUsize);

impl Progress {
    pub fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Polls until so many are through; the storm itself has deadlines.
    pub async fn reaches(&self, count: usize) {
        while self.now() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Serves every vehicle of the stack from so many counters; tells every key that was ever sent.
pub async fn serve_all(stack: &Stack, counters: usize, progress: &Progress) -> Vec<Attempt> {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..stack.vehicles.len()).collect());
    let counter = async |place: usize| {
        let outlet = &stack.outlets[place % stack.outlets.len()];
        let gateway = stack.gateway_url(place);
        let mut attempts = vec![];
        loop {
            let Some(next) = queue.lock().unwrap().pop_front() else { return attempts };
            attempts.extend(outlet.serves(&gateway, &stack.vehicles[next]).await);
            progress.0.fetch_add(1, Ordering::SeqCst);
        }
    };
    let all = futures_util::future::join_all((0..counters).map(counter)).await;
    all.into_iter().flatten().collect()
}
