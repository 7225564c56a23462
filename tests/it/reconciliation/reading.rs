//! What was published can be read page by page, exported, and recomputed by whoever trusts nobody here.

use samsat_gateway::reconciliation::class::Class;
use samsat_gateway::reconciliation::reading::{self, Recomputed, Wanted};
use serde_json::json;

use super::{close, pay, planted, plants, reconciles, today};
use crate::support::World;

#[tokio::test]
async fn lines_are_read_by_class_and_page_and_the_export_has_them_all() {
    let world = World::new().await;
    pay(&world, 4).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("BAPENDA", "amount_off")]));
    let published = reconciles(&world.night, today).await.unwrap();
    let mut connection = world.app.db.requests.acquire().await.unwrap();
    let mut run = reading::run_in_force(&mut connection, today).await.unwrap().unwrap();
    run.seconds = published.seconds;
    assert_eq!(run, published);
    assert!(reading::run_in_force(&mut connection, today.next()).await.unwrap().is_none());

    let broken = Wanted { class: Some(Class::Amount), after: 0, limit: 100 };
    let lines = reading::lines(&mut connection, run.run_id, broken).await.unwrap();
    assert_eq!(lines.len(), 1);
    let line = &lines[0].line;
    assert_eq!(line.there_principal.unwrap().get() - line.here_principal.unwrap().get(), 1000);
    assert!(lines[0].payment_id.is_some() && line.ours.is_some());

    let (mut after, mut all) = (0, vec![]);
    loop {
        let page = reading::lines(&mut connection, run.run_id, Wanted { class: None, after, limit: 3 })
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = last.ordinal;
        all.extend(page);
    }
    assert_eq!(all.len() as u64, run.lines);
    let (csv, last) = reading::export_piece(&mut connection, run.run_id, 0).await.unwrap().unwrap();
    assert_eq!(csv.lines().count() as u64, run.lines);
    assert_eq!(reading::EXPORT_HEAD.matches(',').count() + 1, 17);
    assert!(reading::export_piece(&mut connection, run.run_id, last).await.unwrap().is_none());
    drop(connection);
}

#[tokio::test]
async fn a_published_run_recomputes_to_its_hash_and_a_changed_row_does_not() {
    let world = World::new().await;
    pay(&world, 3).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("BAPENDA", "amount_off")]));
    let run = reconciles(&world.night, today).await.unwrap().run_id;
    let mut connection = world.app.db.requests.acquire().await.unwrap();
    assert_eq!(reading::recompute(&mut connection, run).await.unwrap(), Recomputed::Agrees);
    let of_bapenda = "authority = 'BAPENDA'";
    let flipped = |table: &str, at: &str| {
        let change =
            format!("SET bytes = set_byte(bytes, {at}, get_byte(bytes, {at}) # 1) WHERE {of_bapenda}");
        (table.to_owned(), change.clone(), change)
    };
    let row = |change: &str| format!("SET there_penalty = there_penalty {change} WHERE class = 'AMOUNT'");
    for ((table, change, back), differs) in [
        (("night_line".to_owned(), row("+ 1"), row("- 1")), "a line"),
        // The last byte of a chunk is the last line's penalty.
        (flipped("night_matched", "length(bytes) - 1"), "a line"),
        (flipped("night_matched", "0"), "a chunk of lines"),
        (flipped("settlement_part", "length(bytes) - 1"), "a file's bytes"),
        (
            (
                "settlement_part".to_owned(),
                format!("SET bytes = bytes || '\\x0a' WHERE {of_bapenda}"),
                format!("SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE {of_bapenda}"),
            ),
            "a file's bytes",
        ),
    ] {
        let refused = sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE {table} {change}")))
            .execute(&mut world.admin_connection().await)
            .await;
        assert!(refused.unwrap_err().to_string().contains("append-only"));
        plants(&world, format!("ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")).await;
        plants(&world, format!("UPDATE {table} {change}")).await;
        assert_eq!(reading::recompute(&mut connection, run).await.unwrap(), Recomputed::Differs(differs));
        plants(&world, format!("UPDATE {table} {back}")).await;
        plants(&world, format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")).await;
        assert_eq!(reading::recompute(&mut connection, run).await.unwrap(), Recomputed::Agrees);
    }
    drop(connection);
}

#[tokio::test]
async fn officers_and_auditors_read_a_night_over_http_and_agents_do_not() {
    let world = World::new().await;
    pay(&world, 2).await;
    let today = today(&world);
    close(&world, today);
    world.faults(json!([planted("BAPENDA", "missing_row")]));
    let path = format!("/v1/reconciliations/{today}");
    assert_eq!(world.officer.get(&path).await.status, 404, "nothing is published yet");
    let published = reconciles(&world.night, today).await.unwrap();
    for reader in [&world.officer, &world.auditor] {
        let run = reader.get(&path).await;
        assert_eq!((run.status.as_u16(), &run.body["result_sha256"]), (200, &json!(published.result_sha256)));
        assert_eq!(run.body["counts"]["MISSING_UPSTREAM"], 1);
        let items = reader.get(&format!("{path}/items?class=MISSING_UPSTREAM")).await;
        assert_eq!(items.body["items"].as_array().map(Vec::len), Some(1), "{}", items.text);
        let csv = reader.get(&format!("{path}/export.csv")).await;
        assert_eq!(csv.text.lines().count() as u64, published.lines + 1);
        let book = reader.get(&format!("{path}/export.xlsx")).await;
        assert_eq!((book.status.as_u16(), book.text.starts_with("PK")), (200, true));
        let file = reader.get(&format!("{path}/export.pdf")).await;
        assert_eq!((file.status.as_u16(), file.text.starts_with("%PDF-1.7")), (200, true));
    }
    for path in [
        path.clone(),
        format!("{path}/items"),
        format!("{path}/export.csv"),
        format!("{path}/export.xlsx"),
        format!("{path}/export.pdf"),
    ] {
        assert_eq!(world.agent().get(&path).await.status, 403, "{path}");
    }
}
