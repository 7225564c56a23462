//! What must be true once everything is settled: nothing lost, nothing twice, both books equal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::outlet::Attempt;
use crate::process::until;
use crate::stack::{FLOAT, PEOPLE, Stack};

/// From the end of the faults to the end of the last doubt.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// A payment as its row has it.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    agent_code: String,
    key: String,
    payment_id: String,
    plate: String,
    amount: i64,
    state: String,
}

/// A leg as its row has it.
#[derive(Debug, sqlx::FromRow)]
struct LegRow {
    payment_id: String,
    authority: String,
    reference: String,
    amount: i64,
    number: Option<String>,
}

/// Faults are off: waits until the resolver has settled every doubt, and lets two people settle what contradicts.
/// Tells how many they settled.
pub async fn settle(stack: &Stack) -> usize {
    let deadline = Instant::now() + SETTLED_WITHIN;
    until_none(
        stack,
        deadline,
        "SELECT count(*) FROM payment WHERE state IN ('held', 'in_doubt', 'reversing')",
    )
    .await;
    let held: Vec<String> =
        sqlx::query_scalar("SELECT payment_id::text FROM payment WHERE state = 'integrity_hold'")
            .fetch_all(&mut stack.admin().await)
            .await
            .expect("payments");
    for id in &held {
        let [one, other] = PEOPLE;
        let propose =
            ["propose", "resolve", id, "--decision", "ask", "--reason", "CHECKED", "--by", one, "--json"];
        let proposed = stack.command(&propose).await;
        let proposal: Value = serde_json::from_slice(&proposed.stdout).unwrap_or_default();
        let proposal = proposal["proposal_id"].as_str().unwrap_or_else(|| panic!("{proposed:?}"));
        let approved = stack.command(&["approve", proposal, "--by", other, "--json"]).await;
        assert!(approved.status.success(), "{approved:?}");
    }
    until_none(stack, deadline, "SELECT count(*) FROM payment_work").await;
    held.len()
}

async fn until_none(stack: &Stack, deadline: Instant, sql: &'static str) {
    until("every doubt is settled", async || {
        let open = stack.count(sql).await;
        assert!(
            Instant::now() < deadline,
            "{open} payments are still open {SETTLED_WITHIN:?} after the faults"
        );
        (open == 0).then_some(())
    })
    .await;
}

/// Everything that the outlets were told, the gateway's rows, and the authorities' books say the same.
pub async fn judge(stack: &Stack, attempts: &[Attempt]) {
    let rows = payments(stack).await;
    acknowledged_is_kept(attempts, &rows);
    let attempted: BTreeSet<(&str, &str)> =
        attempts.iter().map(|a| (a.agent_code.as_str(), a.key.as_str())).collect();
    for row in &rows {
        assert!(attempted.contains(&(&*row.agent_code, &*row.key)), "nobody asked for {row:?}");
        assert!(["confirmed", "refused"].contains(&&*row.state), "not settled: {row:?}");
    }
    let mut paid = BTreeSet::new();
    for row in rows.iter().filter(|row| row.state == "confirmed") {
        assert!(paid.insert(row.plate.as_str()), "paid twice here: {row:?}");
    }
    let book = stack.book().await;
    booked_once(&book);
    books_agree(stack, &book, &rows).await;
    floats_agree(stack, &rows).await;
    verified(stack).await;
}

async fn payments(stack: &Stack) -> Vec<Row> {
    sqlx::query_as(
        "SELECT a.agent_code, k.key, p.payment_id::text, p.plate, p.amount, p.state
         FROM payment p JOIN agent a USING (agent_id) LEFT JOIN idempotency_key k USING (payment_id) ORDER BY 3",
    )
    .fetch_all(&mut stack.admin().await)
    .await
    .expect("every payment has its key")
}

/// What an outlet was told stands: the same payment under its key, and an end that was told has not changed.
fn acknowledged_is_kept(attempts: &[Attempt], rows: &[Row]) {
    let by_key: BTreeMap<(&str, &str), &Row> =
        rows.iter().map(|row| ((&*row.agent_code, &*row.key), row)).collect();
    for attempt in attempts {
        let id = attempt.said.text("payment_id");
        let row = by_key.get(&(&*attempt.agent_code, &*attempt.key));
        if id.is_empty() {
            assert!(row.is_none(), "refused without a payment, but there is one: {attempt:?}");
            continue;
        }
        let row = row.unwrap_or_else(|| panic!("acknowledged and lost: {attempt:?}"));
        assert_eq!(
            (&*row.payment_id, row.amount, &*row.plate),
            (id, attempt.total, &*attempt.plate),
            "{attempt:?}"
        );
        let told = attempt.said.state();
        if ["confirmed", "refused"].contains(&told) {
            assert_eq!(row.state, told, "it had another end: {attempt:?}");
        }
    }
}

/// A vehicle's bill covers all of its periods: one booking a plate at each host is one a period.
fn booked_once(book: &Value) {
    for host in ["BAPENDA", "JASA_RAHARJA"] {
        let mut plates = BTreeSet::new();
        for (reference, booking) in book[host].as_object().expect("a book") {
            assert_eq!(booking["status"], "PAID", "{host} {reference}: nobody reverses here");
            let plate = booking["plate"].as_str().expect("a plate");
            assert!(plates.insert(plate), "{host} booked {plate} twice");
        }
    }
}

/// Booked there is booked here, under the same reference, number and amount, for a confirmed payment; and the reverse.
async fn books_agree(stack: &Stack, book: &Value, rows: &[Row]) {
    let legs: Vec<LegRow> = sqlx::query_as(
        "SELECT payment_id::text, authority, reference::text, amount, number FROM payment_leg",
    )
    .fetch_all(&mut stack.admin().await)
    .await
    .expect("legs");
    let confirmed: BTreeSet<&str> =
        rows.iter().filter(|row| row.state == "confirmed").map(|row| &*row.payment_id).collect();
    let mut booked = 0;
    for leg in &legs {
        let there = &book[&leg.authority][&leg.reference];
        assert_eq!(there.is_object(), confirmed.contains(&*leg.payment_id), "{leg:?} there: {there}");
        assert_eq!(there["number"].as_str(), leg.number.as_deref(), "{leg:?}");
        if there.is_object() {
            assert_eq!(there["amount"], leg.amount, "{leg:?}");
            booked += 1;
        }
    }
    let there: usize = book
        .as_object()
        .expect("two books")
        .values()
        .filter_map(Value::as_object)
        .map(serde_json::Map::len)
        .sum();
    assert_eq!(there, booked, "bookings that nobody here knows");
}

/// What left a float is what was confirmed, or is owed to a citizen; nothing is held.
async fn floats_agree(stack: &Stack, rows: &[Row]) {
    let floats: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT a.agent_code, f.available, coalesce(h.held, 0), f.owed
         FROM agent_float f JOIN agent a USING (agent_id)
         LEFT JOIN (SELECT o.agent_id, sum(CASE o.account_no WHEN t.credit_account THEN t.amount ELSE -t.amount END)::bigint AS held
                    FROM transfer t JOIN account o ON o.account_no IN (t.debit_account, t.credit_account) WHERE o.kind = 'hold'
                    GROUP BY o.agent_id) h USING (agent_id)",
    )
    .fetch_all(&mut stack.admin().await)
    .await
    .expect("floats");
    for outlet in &stack.outlets {
        let (_, available, held, owed) =
            floats.iter().find(|(code, ..)| *code == outlet.code).expect("a float");
        let mine = rows.iter().filter(|row| row.agent_code == outlet.code && row.state == "confirmed");
        let paid: i64 = mine.map(|row| row.amount).sum();
        assert_eq!((available + owed + paid, *held), (FLOAT, 0), "{}: {paid} paid", outlet.code);
    }
}

/// `samsat-gateway verify` finds every invariant whole.
pub async fn verified(stack: &Stack) {
    let done = stack.command(&["verify"]).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "verify: {}{}", text(&done.stderr), text(&done.stdout));
}

/// Waits until nothing is open, without faults in between and nobody to decide anything.
pub async fn all_end(stack: &Stack) {
    until_none(stack, Instant::now() + SETTLED_WITHIN, "SELECT count(*) FROM payment_work").await;
}
