//! What every test ends with: both books compared, every invariant checked.

use serde_json::Value;

use super::world::World;

impl World {
    /// Bookings of a host that stand as PAID.
    pub fn booked(&self, host: &str) -> usize {
        let book = self.mock.book();
        book[host].as_object().map_or(0, |book| book.values().filter(|b| b["status"] == "PAID").count())
    }

    /// Both books agree: what is booked there is booked here, once, with the same number and amount, and the reverse.
    pub async fn books_agree(&self) {
        let book = self.mock.book();
        let rows: Vec<(uuid::Uuid, String, String, i64, String)> = sqlx::query_as(
            "SELECT l.reference, l.authority, l.number, l.amount, l.state FROM payment_leg l WHERE l.number IS NOT NULL",
        )
        .fetch_all(&mut self.admin_connection().await)
        .await
        .expect("legs");
        let mut here = std::collections::BTreeSet::new();
        for (reference, authority, number, amount, state) in rows {
            let there = &book[&authority][reference.to_string()];
            assert_eq!(
                there["number"],
                Value::from(number.clone()),
                "{authority} {reference}: another number there"
            );
            assert_eq!(there["amount"], Value::from(amount), "{authority} {reference}: another amount there");
            let status = if state == "reversed" { "REVERSED" } else { "PAID" };
            assert_eq!(there["status"], status, "{authority} {reference}");
            here.insert((authority, reference.to_string()));
        }
        // A booking after a refusal is known by its case.
        let late: Vec<String> = sqlx::query_scalar(
            "SELECT facts->>'reference' FROM case_file WHERE class = 'LATE_SUCCESS' AND facts->>'reference' IS NOT NULL",
        )
        .fetch_all(&mut self.admin_connection().await)
        .await
        .expect("cases");
        for host in ["BAPENDA", "JASA_RAHARJA"] {
            for (reference, booking) in book[host].as_object().into_iter().flatten() {
                let known = here.contains(&(host.to_owned(), reference.clone())) || late.contains(reference);
                assert!(
                    known || booking["status"] != "PAID",
                    "{host} booked {reference}, and we do not know it"
                );
            }
        }
    }

    /// Every invariant over the whole database.
    pub async fn verified(&self) {
        let report = self.app.verify().await.expect("verify runs");
        assert!(report.holds, "{}", serde_json::to_string_pretty(&report).expect("a report"));
    }
}
