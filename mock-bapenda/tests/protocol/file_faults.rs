//! Each fault of a settlement file: plausible wrong files still add up, broken ones do not.

use serde_json::json;

use crate::client::{BAPENDA, JASA_RAHARJA, Office, now, sha256, today};
use crate::settlements::{File, file};

async fn closed_day(host: &str) -> (Office, File) {
    let office = Office::open().await;
    office.pay_some(host, 12).await;
    office.mock.close_day(&today(), host).unwrap();
    let truth = file(&office, host, &today()).await;
    (office, truth)
}

/// How many rows of the first, but for their numbers, the second does not have.
fn rows_without_match(of: &File, among: &File) -> usize {
    let mut left: Vec<&[String]> = among.rows.iter().map(|row| &row[2..]).collect();
    let mut unmatched = 0;
    for row in &of.rows {
        match left.iter().position(|other| *other == &row[2..]) {
            Some(place) => {
                left.swap_remove(place);
            }
            None => unmatched += 1,
        }
    }
    unmatched
}

#[tokio::test]
async fn plausible_wrong_files_add_up_and_differ_in_one_thing() {
    for host in [BAPENDA, JASA_RAHARJA] {
        let (office, truth) = closed_day(host).await;
        for (fault, lost, gained) in [
            ("missing_row", 1, 0),
            ("extra_row", 0, 1),
            ("amount_off", 1, 1),
            ("beneficiary_swapped", 1, 1),
            ("duplicate_row", 0, 1),
        ] {
            office.play_always("settlement", fault);
            let planted = file(&office, host, &today()).await;
            assert!(planted.adds_up(), "{fault}");
            assert_eq!(rows_without_match(&truth, &planted), lost, "{fault}");
            assert_eq!(rows_without_match(&planted, &truth), gained, "{fault}");
            assert_eq!(planted.head, truth.head, "{fault}");
            assert_eq!(file(&office, host, &today()).await.bytes, planted.bytes, "{fault}");
        }
        office.close().await;
    }
}

#[tokio::test]
async fn a_changed_plate_changes_all_rows_of_one_payment() {
    let (office, truth) = closed_day(BAPENDA).await;
    office.play_always("settlement", "plate_changed_after_payment");
    let planted = file(&office, BAPENDA, &today()).await;
    assert!(planted.adds_up());
    let changed: Vec<&str> = truth
        .rows
        .iter()
        .zip(&planted.rows)
        .filter(|(before, after)| before[5] != after[5])
        .map(|(before, _)| before[2].as_str())
        .collect();
    assert!(!changed.is_empty() && changed.iter().all(|reference| *reference == changed[0]));
    assert_eq!(truth.rows.iter().filter(|row| row[2] == changed[0]).count(), changed.len());
    office.close().await;
}

#[tokio::test]
async fn several_plants_in_one_file_hit_different_payments() {
    let (office, truth) = closed_day(BAPENDA).await;
    office.play(&json!([
        { "host": "BAPENDA", "operation": "settlement", "fault": "missing_row" },
        { "host": "BAPENDA", "operation": "settlement", "fault": "amount_off" },
        { "host": "BAPENDA", "operation": "settlement", "fault": "beneficiary_swapped" },
    ]));
    let planted = file(&office, BAPENDA, &today()).await;
    assert!(planted.adds_up());
    assert_eq!((rows_without_match(&truth, &planted), rows_without_match(&planted, &truth)), (3, 2));
    office.close().await;
}

#[tokio::test]
async fn broken_files_are_signed_all_the_same() {
    let (office, truth) = closed_day(BAPENDA).await;
    let path = format!("/settlements/{}", today());
    office.play_always("settlement", "bad_trailer");
    let planted = file(&office, BAPENDA, &today()).await;
    assert!(!planted.adds_up());
    assert_eq!(planted.rows, truth.rows);
    office.play_always("settlement", "bad_chain");
    let planted = file(&office, BAPENDA, &today()).await;
    assert_ne!(planted.head[7], truth.head[7]);
    assert_eq!(planted.trailer, truth.trailer);
    office.play_always("settlement", "truncated_file");
    let cut = office.get(BAPENDA, &path).await;
    assert!(cut.signed && cut.bytes.len() < truth.bytes.len() && truth.bytes.starts_with(&cut.bytes));
    office.play_always("settlement", "late_file");
    assert_eq!(office.get(BAPENDA, &path).await.refusal(), (404, "NOT_READY".to_owned()));
    office.play_fair();
    assert_eq!(file(&office, BAPENDA, &today()).await.bytes, truth.bytes);
    office.close().await;
}

#[tokio::test]
async fn a_corrected_revision_replaces_the_wrong_one_and_the_chain_names_it() {
    let (office, truth) = closed_day(BAPENDA).await;
    office.play_always("settlement", "amount_off");
    let wrong = file(&office, BAPENDA, &today()).await;
    assert_eq!(wrong.head[6], "1");
    office.play_always("settlement", "corrected_revision");
    let corrected = file(&office, BAPENDA, &today()).await;
    assert_eq!((corrected.head[6].as_str(), &corrected.head[7]), ("2", &truth.head[7]));
    assert_eq!(corrected.rows, truth.rows);
    assert_eq!(file(&office, BAPENDA, &today()).await.bytes, corrected.bytes);
    office.play_fair();
    assert_eq!(file(&office, BAPENDA, &today()).await.bytes, corrected.bytes);

    let tomorrow = now().date_naive().succ_opt().unwrap().to_string();
    office.mock.close_day(&tomorrow, BAPENDA).unwrap();
    assert_eq!(file(&office, BAPENDA, &tomorrow).await.head[7], sha256(&corrected.bytes));
    office.close().await;
}

#[tokio::test]
async fn a_wrong_file_once_handed_out_is_the_one_that_the_chain_names_and_a_restart_keeps() {
    let (office, truth) = closed_day(BAPENDA).await;
    office.play_always("settlement", "missing_row");
    let wrong = file(&office, BAPENDA, &today()).await;
    assert_ne!(wrong.bytes, truth.bytes);
    let office = office.restart().await;
    assert_eq!(file(&office, BAPENDA, &today()).await.bytes, wrong.bytes);
    let tomorrow = now().date_naive().succ_opt().unwrap().to_string();
    office.mock.close_day(&tomorrow, BAPENDA).unwrap();
    assert_eq!(file(&office, BAPENDA, &tomorrow).await.head[7], sha256(&wrong.bytes));
    office.close().await;
}

#[tokio::test]
async fn a_revision_keeps_what_the_first_one_said_about_the_day_before() {
    let (office, first_day) = closed_day(BAPENDA).await;
    let tomorrow = now().date_naive().succ_opt().unwrap().to_string();
    office.mock.close_day(&tomorrow, BAPENDA).unwrap();
    assert_eq!(file(&office, BAPENDA, &tomorrow).await.head[7], sha256(&first_day.bytes));
    office.play_always("settlement", "corrected_revision");
    assert_ne!(file(&office, BAPENDA, &today()).await.bytes, first_day.bytes);
    let corrected = file(&office, BAPENDA, &tomorrow).await;
    assert_eq!((corrected.head[5].as_str(), corrected.head[6].as_str()), ("2", "2"));
    assert_eq!(corrected.head[7], sha256(&first_day.bytes));
    office.close().await;
}
