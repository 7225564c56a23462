//! Violations, each planted alone in a copy of a day that holds, by somebody whom no grant and no trigger stops.
//!
//! `broken` lists every invariant that then says so: the planted one first. Where several do, the row is read from several
//! sides on purpose.

use sqlx::{AssertSqlSafe, Connection, Executor};

use super::broken;
use super::day::full_day;

struct Planted {
    broken: &'static [u8],
    sql: &'static str,
}

const fn planted(broken: &'static [u8], sql: &'static str) -> Planted {
    Planted { broken, sql }
}

/// Names of rows that every full day has.
const NAMED: &str = "
  CREATE TEMP VIEW plain AS SELECT p.* FROM payment p WHERE state = 'confirmed' AND titip_no IS NULL
    AND NOT EXISTS (SELECT FROM payment_leg l WHERE l.payment_id = p.payment_id AND (reversal_reference IS NOT NULL OR ordinal = 0 AND amount = 0)) ORDER BY payment_id LIMIT 1;
  CREATE TEMP VIEW other AS SELECT p.* FROM payment p WHERE state = 'confirmed' AND titip_no IS NULL
    AND NOT EXISTS (SELECT FROM payment_leg l WHERE l.payment_id = p.payment_id AND (reversal_reference IS NOT NULL OR ordinal = 0 AND amount = 0)) ORDER BY payment_id OFFSET 1 LIMIT 1;
  CREATE TEMP VIEW doubt AS SELECT p.* FROM payment p WHERE state = 'in_doubt'
    AND NOT EXISTS (SELECT FROM payment_leg l WHERE l.payment_id = p.payment_id AND number IS NOT NULL) ORDER BY payment_id LIMIT 1;
  CREATE TEMP VIEW refused AS SELECT * FROM payment WHERE state = 'refused' AND titip_no IS NULL ORDER BY payment_id LIMIT 1;";

/// Nothing is stopped while a violation is planted; afterwards every guard stands as before.
const GUARDS_DOWN: &str = "DO $$ DECLARE t regclass; BEGIN
  FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', t); END LOOP; END $$";
const GUARDS_UP: &str = "DO $$ DECLARE t regclass; g name; BEGIN
  FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE %s ENABLE TRIGGER ALL', t); END LOOP;
  FOR t, g IN SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t, g); END LOOP; END $$";

/// Plants each alone and compares what is found with what should be.
async fn each_is_found(all: &[Planted]) {
    let day = full_day().await;
    let mut wrong = vec![];
    for planted in all {
        let copy = day.copied().await;
        let mut superuser = copy.admin().await;
        superuser.execute(NAMED).await.unwrap();
        superuser.execute(GUARDS_DOWN).await.unwrap();
        let changed = superuser.execute(AssertSqlSafe(planted.sql)).await.unwrap().rows_affected();
        superuser.execute(GUARDS_UP).await.unwrap();
        superuser.close().await.unwrap();
        let report = day.verified(&copy).await;
        let mut found: Vec<u8> = broken(&report).into_iter().map(|(invariant, _)| invariant).collect();
        found.dedup();
        let mut due = planted.broken.to_vec();
        due.sort_unstable();
        if found != due || report.holds {
            wrong.push(format!(
                "{}\n  changed {changed} rows, due {due:?}, found {:#?}",
                planted.sql,
                broken(&report)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_books_is_found() {
    each_is_found(&[
        planted(&[1, 8], "UPDATE transfer SET debit_account = 2 WHERE code = 'TOPUP'"),
        planted(&[1], "UPDATE transfer SET debit_account = 9 WHERE code = 'TOPUP'"),
        planted(&[1, 7], "UPDATE account SET kind = 'suspense' WHERE account_no = 2"),
        planted(&[1], "UPDATE account SET kind = 'bank_clearing' WHERE account_no = 3"),
        planted(&[2, 4, 8], "INSERT INTO transfer SELECT cause, gen_random_uuid(), debit_account, credit_account, amount, code, agent_id, leg,
                               resolves, 1, float_seq, available_after, at FROM transfer WHERE code = 'POST' AND cause = (SELECT payment_id FROM plain) AND leg IS NULL"),
        planted(&[2, 8], "UPDATE transfer SET leg = 1 WHERE code = 'POST' AND cause = (SELECT payment_id FROM plain) AND leg = 0"),
        planted(&[3], "UPDATE transfer SET available_after = available_after + 1 WHERE float_seq = 3"),
        planted(&[3], "UPDATE transfer SET float_seq = float_seq + 1 WHERE float_seq = (SELECT max(float_seq) FROM transfer)"),
        planted(&[3], "UPDATE transfer SET float_seq = NULL, available_after = NULL WHERE float_seq = (SELECT max(float_seq) FROM transfer)"),
        planted(&[3], "UPDATE agent_float SET available = available + 1"),
        planted(&[3], "UPDATE agent_float SET owed = owed + 1"),
        planted(&[3], "UPDATE bank_deposit SET amount = amount + 1"),
        planted(&[4, 7], "UPDATE payment_leg SET hold_id = gen_random_uuid() WHERE payment_id = (SELECT payment_id FROM doubt) AND ordinal = 0"),
        planted(&[3, 4, 7], "UPDATE transfer SET amount = amount - 1 WHERE code = 'HOLD' AND cause = (SELECT payment_id FROM doubt) AND leg = 0"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_vehicles_and_keys_is_found() {
    each_is_found(&[
        planted(&[5], "DELETE FROM vehicle_lock WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[5], "UPDATE vehicle_lock SET is_open = true WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[5], "UPDATE vehicle_lock SET is_open = false WHERE payment_id = (SELECT payment_id FROM doubt)"),
        planted(&[5], "UPDATE vehicle_lock SET leads = false WHERE payment_id = (SELECT payment_id FROM doubt)"),
        planted(&[5], "INSERT INTO vehicle_lock SELECT plate, '2001-01-01', payment_id, false, true FROM refused"),
        planted(&[5], "INSERT INTO vehicle_lock SELECT (SELECT plate FROM doubt), '2001-01-01', payment_id, true, false FROM plain"),
        planted(&[5], "DELETE FROM payment_work WHERE payment_id = (SELECT payment_id FROM doubt)"),
        planted(&[5], "INSERT INTO payment_work SELECT payment_id, 1, 'nobody', now(), now(), 0 FROM plain"),
        planted(&[6], "DELETE FROM idempotency_key WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[6], "INSERT INTO idempotency_key SELECT agent_id, key || '2', request, payment_id, refusal, created_at FROM idempotency_key WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[6], "UPDATE idempotency_key SET request = jsonb_set(request, '{amount}', '1') WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[6], "UPDATE idempotency_key SET refusal = '\"BECAUSE\"' WHERE refusal IS NOT NULL"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_payments_is_found() {
    each_is_found(&[
        planted(&[7, 8, 9, 15], "UPDATE payment_leg SET state = 'sent', number = NULL, booked_at = NULL, business_date = NULL
                               WHERE payment_id = (SELECT payment_id FROM plain) AND ordinal = 1"),
        planted(&[7, 8], "INSERT INTO citizen_debt SELECT '00000000-0000-7000-8000-000000000000', agent_id, 1, now() FROM plain"),
        planted(&[7, 9], "DELETE FROM receipt WHERE kind = 'LUNAS' AND payment_id = (SELECT payment_id FROM plain)"),
        planted(&[7], "UPDATE payment SET titip_no = NULL WHERE payment_id = (SELECT payment_id FROM doubt)"),
        planted(&[7, 14], "DELETE FROM proposal WHERE terms->>'decision' = 'paid-elsewhere'"),
        planted(&[7, 14], "UPDATE proposal SET approved_by = NULL, approved_at = NULL WHERE terms->>'decision' = 'reverse'"),
        planted(&[7, 18], "ALTER TABLE proposal DROP CONSTRAINT proposal_two_people; UPDATE proposal SET approved_by = proposed_by WHERE kind = 'reversal'"),
        planted(
            &[7],
            "UPDATE person SET role = 'kasir', agent_id = (SELECT min(agent_id::text)::uuid FROM agent) WHERE username = 'bapenda.uji'",
        ),
        planted(&[7, 3, 8], "UPDATE transfer SET credit_account = credit_account + 3 WHERE code = 'VOID' AND cause = (SELECT payment_id FROM refused) AND leg IS NULL"),
        planted(&[8, 12], "UPDATE payment_leg SET periods = jsonb_set(periods::jsonb, '{0,lines,0,principal}', '1')::json WHERE payment_id = (SELECT payment_id FROM plain) AND ordinal = 0"),
        planted(&[8, 6, 9], "UPDATE payment SET amount = amount + 1 WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[8], "UPDATE transfer SET credit_account = 3529 WHERE code = 'POST' AND credit_account = 35 AND cause = (SELECT payment_id FROM plain)"),
        planted(&[8, 3], "DELETE FROM transfer WHERE code = 'REVERSE' AND leg = 0"),
        planted(&[7, 3, 8], "UPDATE transfer SET credit_account = 1000010 + 4 WHERE code = 'VOID' AND credit_account = 2"),
        planted(&[7], "UPDATE proposal SET terms = terms || '{\"decision\": \"ask\"}' WHERE terms->>'decision' = 'fresh-assessment'"),
        planted(&[8], "UPDATE proposal SET terms = jsonb_set(terms, '{assessment,amount}', '1') WHERE terms->>'decision' = 'fresh-assessment'"),
        planted(&[8], "UPDATE citizen_debt SET amount = amount + 1"),
        planted(&[8], "UPDATE citizen_debt SET returned_at = NULL, returned_to = NULL, paper_surrendered = NULL WHERE returned_at IS NOT NULL"),
        planted(&[13, 5, 7, 8, 11], "UPDATE payment SET state = 'refused', refused_at = now(), reason = 'PLANTED', confirmed_at = NULL WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[14], "UPDATE case_file SET owner = 'somebody' WHERE class = 'JR_REFUSED'"),
        planted(&[14], "UPDATE case_file SET origin = ' ' WHERE class = 'JR_REFUSED'"),
        planted(&[14], "DELETE FROM case_file WHERE class = 'INTEGRITY_HOLD'"),
        planted(&[14], "DELETE FROM case_file WHERE class = 'HALF_REVERSED'"),
        planted(&[14], "UPDATE case_file SET closed_by = gen_random_uuid() WHERE closed_by IS NOT NULL"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_on_paper_is_found() {
    each_is_found(&[
        planted(&[9], "UPDATE receipt SET n = n + 1 WHERE n = (SELECT max(n) FROM receipt WHERE kind = 'LUNAS') AND kind = 'LUNAS'"),
        planted(&[9], "UPDATE receipt_counter SET last_n = last_n + 1 WHERE kind = 'TITIP'"),
        planted(&[9], "DELETE FROM receipt_copy WHERE copy_no = 1"),
        planted(&[9], "UPDATE receipt SET payload = overlay(payload PLACING CASE substr(payload, 100, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 100) WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[9], "UPDATE receipt SET payload = (SELECT payload FROM receipt WHERE payment_id = (SELECT payment_id FROM other)) WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[9], "UPDATE receipt SET issued_at = issued_at + interval '1 s' WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[11], "UPDATE audit_event SET body = body || ' ' WHERE subject = (SELECT payment_id FROM plain)"),
        planted(&[11], "UPDATE audit_event SET actor = 'somebody' WHERE subject = (SELECT payment_id FROM plain)"),
        planted(&[11], "DELETE FROM audit_event WHERE subject = (SELECT payment_id FROM plain)"),
        planted(&[11], "DELETE FROM audit_event WHERE subject = (SELECT payment_id FROM plain) AND body LIKE '%\"to\":\"held\"%'"),
        planted(&[11], "WITH forged AS (SELECT event_id, replace(body, '\"to\":\"confirmed\"', '\"to\":\"refused\"') AS body FROM audit_event WHERE subject = (SELECT payment_id FROM plain))
                        UPDATE audit_event e SET body = f.body, leaf = sha256('\\x00'::bytea || convert_to(f.body, 'UTF8')) FROM forged f WHERE e.event_id = f.event_id"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_night_is_found() {
    each_is_found(&[
        planted(&[12], "UPDATE night_line SET plate = 'L1A' WHERE class = 'MISSING_HERE'"),
        planted(&[12], "DELETE FROM night_line WHERE class = 'MISSING_HERE'"),
        planted(&[12], "UPDATE night_matched SET bytes = set_byte(bytes, length(bytes) - 1, get_byte(bytes, length(bytes) - 1) # 1) WHERE authority = 'BAPENDA'"),
        planted(&[12], "UPDATE night_matched SET bytes = substr(bytes, 1, length(bytes) - 1)"),
        planted(&[12], "DELETE FROM night_matched WHERE authority = 'JASA_RAHARJA'"),
        planted(&[12], "UPDATE night_line SET class = 'MATCHED' WHERE class = 'MISSING_HERE'"),
        planted(&[12], "UPDATE settlement_part SET bytes = bytes || '\\x0a'::bytea WHERE authority = 'BAPENDA'"),
        planted(&[12], "UPDATE settlement_file SET host_timestamp = '2026-01-01T00:00:00+07:00' WHERE authority = 'BAPENDA'"),
        planted(&[12], "UPDATE night_run SET signature = (SELECT signature FROM night_run WHERE revision = 1) WHERE revision = 2"),
        planted(&[12], "UPDATE night_run SET counts = jsonb_set(counts, '{MATCHED}', '1') WHERE revision = 2"),
        planted(&[12], "UPDATE settlement_claim SET run_id = (SELECT run_id FROM night_run WHERE revision = 1)"),
        planted(&[13, 12], "UPDATE night_line SET reference = (SELECT reference FROM payment_leg WHERE payment_id = (SELECT payment_id FROM refused) AND ordinal = 1)
                            WHERE class = 'MISSING_HERE'"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_authority_said_is_found() {
    each_is_found(&[
        planted(&[15, 9, 17], "UPDATE payment_leg SET number = (SELECT number FROM payment_leg WHERE payment_id = (SELECT payment_id FROM plain) AND ordinal = 0)
                                  WHERE payment_id = (SELECT payment_id FROM other) AND ordinal = 0"),
        planted(&[15], "DELETE FROM booking WHERE payment_id = (SELECT payment_id FROM plain) AND ordinal = 0"),
        planted(&[16], "UPDATE evidence SET host_timestamp = '2026-01-01T00:00:00+07:00' WHERE evidence_id = (SELECT min(evidence_id::text)::uuid FROM evidence)"),
        planted(&[16], "UPDATE evidence SET signature = 'nonsense' WHERE operation = 'reversal'"),
        planted(&[16], "DELETE FROM evidence WHERE operation = 'inquiry'"),
        planted(&[16], "UPDATE lookup SET bapenda_evidence = jasa_raharja_evidence"),
        planted(&[16], "UPDATE lookup SET quote = jsonb_set(quote, '{next_due_on}', '\"2031-01-01\"') WHERE lookup_id NOT IN (SELECT lookup_id FROM payment)"),
        planted(&[16], "UPDATE lookup SET quote = quote - 'vehicle' WHERE lookup_id NOT IN (SELECT lookup_id FROM payment)"),
        planted(&[16, 13], "INSERT INTO evidence SELECT gen_random_uuid(), e.authority, e.operation, l.reference, 200, e.path, e.request_sha256,
                              convert_to(json_build_object('reference', l.reference, 'bill_id', l.document_id, 'amount', l.amount, 'ntpd', 'A1B2C3D4E5F60718',
                                'booked_at', '2026-11-24T09:41:07+07:00', 'business_date', '2026-11-24', 'status', 'PAID')::text, 'UTF8'), e.host_timestamp, e.signature, e.received_at
                            FROM evidence e, payment_leg l WHERE l.payment_id = (SELECT payment_id FROM refused) AND l.ordinal = 0 AND e.authority = 'BAPENDA' AND e.operation = 'payment' LIMIT 1"),
        planted(&[17], "DELETE FROM evidence WHERE reference = (SELECT reference FROM payment_leg WHERE payment_id = (SELECT payment_id FROM plain) AND ordinal = 0)"),
        planted(&[17], "UPDATE payment_leg SET booked_at = booked_at + interval '1 s' WHERE payment_id = (SELECT payment_id FROM plain)"),
        planted(&[17], "DELETE FROM evidence WHERE operation = 'reversal' AND status = 200"),
        planted(&[17], "DELETE FROM settlement_resolution"),
        planted(&[17], "UPDATE payment_leg SET refusal = 'BECAUSE' WHERE state = 'refused'"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_no_longer_refuses_is_found() {
    each_is_found(&[
        planted(&[18], "DROP TRIGGER receipt_append_only ON receipt"),
        planted(&[18], "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
        planted(&[18], "GRANT UPDATE (amount) ON transfer TO samsat_app"),
        planted(&[18], "GRANT DELETE ON evidence TO samsat_app"),
        planted(&[18], "ALTER TABLE lookup_miss OWNER TO samsat_app"),
        planted(&[18], "DROP INDEX vehicle_lock_open"),
        planted(&[18], "ALTER TABLE agent_float DROP CONSTRAINT float_available_not_negative"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_sleeps_is_found() {
    let day = full_day().await;
    let copy = day.copied().await;
    let mut superuser = copy.admin().await;
    superuser.execute("ALTER TABLE evidence DISABLE TRIGGER evidence_append_only").await.unwrap();
    superuser.close().await.unwrap();
    let report = day.verified(&copy).await;
    let offender = "trigger evidence_append_only on evidence: it is not enabled always";
    assert_eq!(broken(&report), [(18, offender)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_drawers_and_requests_is_found() {
    each_is_found(&[
        planted(&[19], "UPDATE cash_entry SET amount = amount + 100 WHERE code = 'OPENED'"),
        planted(&[19], "UPDATE cash_entry SET amount = amount - 100 WHERE code = 'CLOSED'"),
        planted(&[19], "ALTER TABLE cash_entry DROP CONSTRAINT cash_entry_accounts_of_code; UPDATE cash_entry SET credit = 'safe' WHERE code = 'SHORT';
                        ALTER TABLE cash_entry ADD CONSTRAINT cash_entry_accounts_of_code CHECK (true)"),
        planted(&[19], "UPDATE cash_entry SET person_id = (SELECT person_id FROM person WHERE role = 'admin') WHERE code = 'OPENED'"),
        planted(&[19], "DELETE FROM cash_entry WHERE code = 'SHORT'"),
        planted(&[19], "DELETE FROM cash_entry WHERE code = 'TAKEN'"),
        planted(&[19], "UPDATE cash_entry SET at = at + interval '1 s' WHERE code = 'RETURNED'"),
        planted(&[19], "UPDATE drawer SET expected = expected + 100 WHERE closed_at IS NOT NULL"),
        planted(&[19], "UPDATE drawer SET opening = opening + 100 WHERE closed_at IS NULL"),
        planted(&[19], "DELETE FROM drawer_payment WHERE drawer_id = (SELECT drawer_id FROM drawer WHERE closed_at IS NOT NULL LIMIT 1)"),
        planted(&[19], "INSERT INTO drawer_payment SELECT '00000000-0000-7000-8000-000000000000', drawer_id FROM drawer LIMIT 1"),
        planted(&[3, 20], "UPDATE bank_deposit SET amount = amount + 1; UPDATE topup_request SET amount = amount + 1 WHERE proposal_id IS NOT NULL"),
        planted(&[18, 20], "ALTER TABLE topup_proof DROP CONSTRAINT topup_proof_is_its_hash; UPDATE topup_proof SET bytes = bytes || '\\x00'"),
    ])
    .await;
}
