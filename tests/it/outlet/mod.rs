//! The day at an outlet, through its pages and without script: drawers, caps, the float, fees, top-ups, the supervisor's view.

mod caps;
mod commands;
mod constraints;
mod day;
mod drawer;
mod topup;

use crate::support::{Cashier, Page, World, in_pieces};

/// Counts what is said to lie in a drawer and closes it; whatever is answered.
async fn counts(cashier: &Cashier, page: &Page, rupiah: i64, more: &[(&str, &str)]) -> Page {
    let close = closing_path(page);
    let pieces = in_pieces(rupiah);
    let names =
        [100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100].map(|each| format!("p{each}"));
    let mut fields: Vec<(&str, &str)> =
        names.iter().zip(&pieces).map(|(name, n)| (name.as_str(), n.as_str())).collect();
    fields.extend_from_slice(more);
    cashier.sends(page, &close, &fields).await
}

/// Where the page's form that closes the drawer leads.
fn closing_path(page: &Page) -> String {
    let form =
        page.html.split("action=\"").find(|rest| rest.starts_with("/laci/") && rest.contains("/tutup\""));
    form.unwrap_or_else(|| panic!("nothing to close: {}", page.text())).split('"').next().unwrap().to_owned()
}

/// Waits until so many sessions of this world's database wait for a lock.
async fn until_waiting(world: &World, sessions: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
    while world.count(waiting).await < sessions {
        assert!(std::time::Instant::now() < deadline, "nobody waits");
        tokio::task::yield_now().await;
    }
}

/// Rupiah as pages write them.
fn rupiah(amount: i64) -> String {
    samsat_gateway::domain::Rupiah::new(amount).unwrap().to_string()
}
