//! One test or more for every row of the fault matrix, and one for each rule of a payment's life.
//!
//! Each ends with both books compared and every invariant checked. `tests/it/matrix.rs` fails when a row has no test.

mod clocks;
mod crowd;
mod first_leg;
mod night;
mod request;
mod resolver;
mod reversal;
mod rules;
mod second_leg;
mod shutdown;
mod store;

use crate::support::{FLOAT, Shape, World};

/// A world in which only a moved clock of the hosts proves an absence: real time alone never does.
async fn patient() -> World {
    shaped(false).await
}

/// The same with lines that can be cut.
async fn with_lines() -> World {
    shaped(true).await
}

async fn shaped(lines: bool) -> World {
    let config = |config: &mut samsat_gateway::config::Config| {
        config.upstream.not_after_s = 60;
        config.upstream.tolerance_s = 30;
    };
    World::shaped(Shape { lines, config, ..Shape::default() }).await
}

/// Longer than `not_after` and tolerance of such a world; every 404 after it is final.
const LATE_S: i64 = 100;

/// Nobody can settle a doubt about these fault rules meanwhile: status stays without an answer.
fn unsettled(world: &World, host: &str, fault: &str) {
    world.faults(serde_json::json!([
        {"host": host, "operation": "payment", "fault": fault},
        {"host": "*", "operation": "status", "fault": "http_500"},
    ]));
}

/// What left the first agent's float, and what of it is only held.
async fn float(world: &World) -> (i64, i64) {
    let (available, held) = world.agent().float().await;
    (FLOAT - available, held)
}

async fn sound(world: &World) {
    world.books_agree().await;
    world.verified().await;
}
