//! The database itself refuses what no outlet's day may hold: each refusal by the constraint that means it.

use samsat_gateway::agents::Role;

use crate::append_only::refused;
use crate::support::World;

#[tokio::test]
async fn the_database_refuses_what_no_drawer_may_be() {
    let world = World::new().await;
    let ani = world.staff(0, "ani", Role::Penyelia).await;
    let closed = world.opens_drawer(&ani, 100_000).await;
    let sold = world.sells_into(&ani, closed).await;
    world.closes_drawer(&ani, closed, -1_000).await;
    let open = world.opens_drawer(&ani, 50_000).await;
    let mut app = world.app_connection().await;
    let entry = |drawer: &dyn std::fmt::Display, code: &str, sides: &str, amount: i64, payment: &str| {
        format!(
            "INSERT INTO cash_entry (cash_entry_id, drawer_id, code, debit, credit, amount, payment_id, person_id, at)
             SELECT gen_random_uuid(), '{drawer}', '{code}', {sides}, {amount}, {payment}, person_id, now() FROM person WHERE username = 'ani'"
        )
    };
    let close = |set: &str| {
        format!(
            "UPDATE drawer SET closed_at = now(), closed_by = person_id, {set} WHERE drawer_id = '{open}'"
        )
    };
    let (out, into) = ("'drawer', 'safe'", "'safe', 'drawer'");
    let sold = format!("'{sold}'");
    let fifty = "pieces = ARRAY[0,1,0,0,0,0,0,0,0,0]";
    for (sql, constraint) in [
        ("INSERT INTO drawer (drawer_id, agent_id, person_id, opening, opened_at) SELECT gen_random_uuid(), agent_id, person_id, 0, now() FROM drawer WHERE closed_at IS NULL".to_owned(), "drawer_one_open"),
        ("INSERT INTO drawer (drawer_id, agent_id, person_id, opening, opened_at) SELECT gen_random_uuid(), agent_id, person_id, -1, now() FROM drawer LIMIT 1".to_owned(), "drawer_opening_not_negative"),
        (entry(&open, "HANDED_OVER", out, 0, "NULL"), "cash_entry_amount_positive"),
        (entry(&open, "HANDED_OVER", into, 5, "NULL"), "cash_entry_accounts_of_code"),
        (entry(&open, "GIFT", out, 5, "NULL"), "cash_entry_accounts_of_code"),
        (entry(&open, "RETURNED", "'drawer', 'citizens'", 5, "NULL"), "cash_entry_payment_of_code"),
        (entry(&open, "HANDED_OVER", out, 5, &sold), "cash_entry_payment_of_code"),
        (entry(&open, "TAKEN", "'citizens', 'drawer'", 5, &sold), "cash_entry_taken_once"),
        (entry(&open, "OPENED", into, 5, "NULL"), "cash_entry_once"),
        (entry(&closed, "ADDED", into, 5, "NULL"), "cash_entry_into_open_drawer"),
        (format!("INSERT INTO drawer_payment VALUES ({sold}, '{open}')"), "drawer_payment_pkey"),
        (close(&format!("{fifty}, counted = 50000, expected = 50000")), "drawer_closes_at_nothing"),
        (close(&format!("{fifty}, counted = 50000")), "drawer_closes_at_nothing"),
        (format!("UPDATE drawer SET reason = 'another' WHERE drawer_id = '{closed}'"), "drawer_closes_once"),
        (format!("UPDATE drawer SET closed_at = NULL WHERE drawer_id = '{closed}'"), "drawer_closes_once"),
    ] {
        assert_eq!(refused(&mut app, &sql).await, constraint, "{sql}");
    }
    world.verified().await;
}

/// What the closing's own trigger lets through, the row's constraints still judge: nothing is left in an emptied drawer.
#[tokio::test]
async fn the_database_refuses_a_count_that_is_none() {
    let world = World::new().await;
    let ani = world.staff(0, "ani", Role::Penyelia).await;
    let open = world.opens_drawer(&ani, 50_000).await;
    let (mut app, mut owner) = (world.app_connection().await, world.admin_connection().await);
    let fifty = "pieces = ARRAY[0,1,0,0,0,0,0,0,0,0]";
    let close = |set: &str| {
        format!(
            "UPDATE drawer SET closed_at = now(), closed_by = person_id, {set} WHERE drawer_id = '{open}'"
        )
    };
    let emptied =
        "INSERT INTO cash_entry (cash_entry_id, drawer_id, code, debit, credit, amount, person_id, at)
         SELECT gen_random_uuid(), drawer_id, 'CLOSED', 'drawer', 'safe', 50000, person_id, now() FROM drawer; ";
    for (set, constraint) in [
        (format!("{fifty}, counted = 50000, expected = NULL"), "drawer_closed_whole"),
        (format!("{fifty}, counted = 40000, expected = 50000, reason = 'hilang'"), "drawer_count_adds_up"),
        ("pieces = ARRAY[0,1], counted = 50000, expected = 50000".to_owned(), "drawer_count_whole"),
        (
            "pieces = ARRAY[0,-1,0,0,0,0,0,0,0,0], counted = -50000, expected = 50000, reason = 'hilang'"
                .to_owned(),
            "drawer_count_whole",
        ),
        (
            "pieces = ARRAY[0,0,2,0,0,0,0,0,0,0], counted = 40000, expected = 50000".to_owned(),
            "drawer_variance_has_reason",
        ),
        (format!("{fifty}, counted = 50000, expected = 50000, reason = 'x'"), "drawer_reason_length"),
    ] {
        assert_eq!(refused(&mut owner, &format!("{emptied}{}", close(&set))).await, constraint, "{set}");
    }
    let identity = format!("UPDATE drawer SET opening = 1 WHERE drawer_id = '{open}'");
    assert_eq!(refused(&mut app, &identity).await, "42501", "no such right");
    assert_eq!(refused(&mut owner, &identity).await, "drawer_closes_once", "the owner neither");
    world.verified().await;
}

#[tokio::test]
async fn the_database_refuses_what_no_request_or_cap_may_be() {
    let world = World::new().await;
    let ani = world.staff(0, "ani", Role::Penyelia).await;
    let asked = world.asks_topup(&ani, 1_000_000).await;
    let (mut app, mut owner) = (world.app_connection().await, world.admin_connection().await);
    let copy = |changes: &str| {
        format!(
            "INSERT INTO topup_request (request_id, agent_id, amount, bank, deposited_on, bank_reference, proof_sha256, requested_by, requested_at)
             SELECT gen_random_uuid(), agent_id, {changes}, requested_by, requested_at FROM topup_request WHERE request_id = '{asked}'"
        )
    };
    let answer = |set: &str| format!("UPDATE topup_request SET {set} WHERE request_id = '{asked}'");
    let decline = "declined_at = now(), declined_by = requested_by, decline_reason = 'tidak ada'";
    for (sql, constraint) in [
        (copy("1, 'B', deposited_on, 'R', proof_sha256"), "topup_request_proof_once"),
        (copy("0, 'B', deposited_on, 'R', proof_sha256"), "topup_request_amount_positive"),
        (copy("1, '', deposited_on, 'R', proof_sha256"), "topup_request_bank_length"),
        (copy("1, 'B', deposited_on, repeat('x', 61), proof_sha256"), "topup_request_reference_length"),
        (answer("declined_at = now()"), "topup_request_declined_whole"),
        (answer("declined_at = now(), declined_by = requested_by, decline_reason = 'x'"), "topup_request_decline_length"),
        (answer(&format!("{decline}, proposal_id = (SELECT proposal_id FROM proposal LIMIT 1)")), "topup_request_one_answer"),
        (
            "INSERT INTO topup_proof SELECT sha256('x'), media_type, 'y', stored_at FROM topup_proof".to_owned(),
            "topup_proof_is_its_hash",
        ),
        (
            "INSERT INTO topup_proof SELECT sha256('x'), 'text/html', 'x', stored_at FROM topup_proof".to_owned(),
            "topup_proof_media_known",
        ),
        (
            "INSERT INTO topup_proof SELECT sha256(b), media_type, b, stored_at FROM topup_proof, convert_to(repeat('x', 4194305), 'UTF8') b".to_owned(),
            "topup_proof_bounded",
        ),
        ("UPDATE agent SET daily_cap = 0".to_owned(), "agent_daily_cap_positive"),
        ("UPDATE agent SET open_cap = -1".to_owned(), "agent_open_cap_positive"),
        (answer("amount = 2"), "42501"),
    ] {
        assert_eq!(refused(&mut app, &sql).await, constraint, "{sql}");
    }
    assert_eq!(
        refused(&mut owner, &answer("amount = 2")).await,
        "topup_request_answered_once",
        "the owner neither"
    );
    let twice = format!(
        "{}; {}",
        answer(decline),
        answer("proposal_id = (SELECT proposal_id FROM proposal LIMIT 1)")
    );
    assert_eq!(refused(&mut owner, &twice).await, "topup_request_answered_once");
}
