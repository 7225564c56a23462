//! Settlement files: exact, chained, complete, and the same whenever they are asked for.

use chrono::{Days, TimeDelta};

use crate::client::{BAPENDA, JASA_RAHARJA, Office, now, sha256, today, uuid};

/// A settlement file, split; the fields of these tests carry no quotes.
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) trailer: Vec<String>,
}

impl File {
    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.ends_with('\n') && !text.contains('\r'));
        let mut lines: Vec<Vec<String>> =
            text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        let (head, trailer) = (lines.remove(0), lines.pop().unwrap());
        assert_eq!((head[0].as_str(), trailer[0].as_str()), ("H", "T"));
        Self { bytes, head, rows: lines, trailer }
    }

    pub(crate) fn sum(&self, field: usize) -> i64 {
        self.rows.iter().map(|row| row[field].parse::<i64>().unwrap()).sum()
    }

    /// Whether count, references, sums and sums per code are those of the rows.
    pub(crate) fn adds_up(&self) -> bool {
        let mut references: Vec<&str> = self.rows.iter().map(|row| row[2].as_str()).collect();
        references.sort_unstable();
        references.dedup();
        let mut codes: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !codes.contains(&row[7].as_str()) {
                codes.push(&row[7]);
            }
        }
        let per_code: Vec<String> = codes
            .iter()
            .map(|code| {
                let of_code = self.rows.iter().filter(|row| row[7] == *code);
                let sum: i64 =
                    of_code.map(|row| row[9].parse::<i64>().unwrap() + row[10].parse::<i64>().unwrap()).sum();
                format!("{code}={sum}")
            })
            .collect();
        let (principal, penalty) = (self.sum(9), self.sum(10));
        let expected = [
            "T".to_owned(),
            self.rows.len().to_string(),
            references.len().to_string(),
            principal.to_string(),
            penalty.to_string(),
            (principal + penalty).to_string(),
            per_code.join(";"),
        ];
        let numbered = self.rows.iter().zip(1..).all(|(row, number)| row[1] == number.to_string());
        numbered && self.trailer == expected
    }
}

pub(crate) async fn file(office: &Office, host: &str, date: &str) -> File {
    let answer = office.get(host, &format!("/settlements/{date}")).await;
    assert_eq!((answer.status, answer.signed), (200, true), "{date}");
    File::read(answer.bytes)
}

#[tokio::test]
async fn a_closed_day_has_a_file_that_adds_up_to_the_book() {
    let office = Office::open().await;
    for host in [BAPENDA, JASA_RAHARJA] {
        let orders = office.pay_some(host, 30).await;
        let not_yet = office.get(host, &format!("/settlements/{}", today())).await;
        assert_eq!(not_yet.refusal(), (404, "NOT_READY".to_owned()));
        office.mock.close_day(&today(), host).unwrap();
        let file = file(&office, host, &today()).await;
        assert!(file.adds_up());
        assert_eq!(
            file.head[..9],
            ["H", "1", host, "OPOP-GATEWAY", &today(), "1", "1", &"0".repeat(64), &file.head[8],]
        );
        assert_eq!(file.head[9], "IDR");
        let total: i64 = orders.iter().map(|order| order["amount"].as_i64().unwrap()).sum();
        assert_eq!(file.trailer[5], total.to_string());
        assert_eq!(file.trailer[2], "30");
        for row in &file.rows {
            let shown = &office.mock.book()[host][&row[2]];
            assert_eq!((&shown["number"], &shown["id"]), (&row[3].as_str().into(), &row[4].as_str().into()));
            assert_eq!((row[12].as_str(), row[13].as_str()), ("PSN-0042", "PAID"));
        }
    }
    office.close().await;
}

#[tokio::test]
async fn later_bookings_carry_the_next_date_and_the_bytes_stay() {
    let office = Office::open().await;
    office.pay_some(BAPENDA, 3).await;
    office.mock.close_day(&today(), BAPENDA).unwrap();
    let before = file(&office, BAPENDA, &today()).await;
    let later = office.pay_some(BAPENDA, 2).await;
    let tomorrow = (now() + TimeDelta::days(1)).date_naive().to_string();
    assert_eq!(office.booked(BAPENDA, &later[0]).unwrap()["business_date"], tomorrow.as_str());
    let office = office.restart().await;
    assert_eq!(file(&office, BAPENDA, &today()).await.bytes, before.bytes);
    office.mock.close_day(&tomorrow, BAPENDA).unwrap();
    let next = file(&office, BAPENDA, &tomorrow).await;
    assert_eq!((next.head[5].as_str(), next.trailer[2].as_str()), ("2", "2"));
    assert_eq!(next.head[7], sha256(&before.bytes));
    office.close().await;
}

#[tokio::test]
async fn every_calendar_day_has_a_file_and_the_chain_holds() {
    let office = Office::open().await;
    office.pay_some(JASA_RAHARJA, 2).await;
    let last = now().date_naive() + Days::new(4);
    office.mock.close_day(&last.to_string(), JASA_RAHARJA).unwrap();
    let mut previous = "0".repeat(64);
    for (number, day) in (1..=5).zip(now().date_naive().iter_days()) {
        let file = file(&office, JASA_RAHARJA, &day.to_string()).await;
        assert_eq!((&file.head[5], &file.head[7]), (&number.to_string(), &previous));
        assert!(file.adds_up());
        if number > 1 {
            assert_eq!(file.trailer.join(","), "T,0,0,0,0,0,");
        }
        previous = sha256(&file.bytes);
    }
    let first_unknown = (now() - TimeDelta::days(1)).date_naive().to_string();
    assert!(office.mock.close_day(&first_unknown, JASA_RAHARJA).is_err());
    office.close().await;
}

#[tokio::test]
async fn the_chain_holds_even_when_days_are_asked_for_from_the_end() {
    let office = Office::open().await;
    office.pay_some(BAPENDA, 2).await;
    let dates: Vec<String> = now().date_naive().iter_days().take(3).map(|day| day.to_string()).collect();
    office.mock.close_day(&dates[2], BAPENDA).unwrap();
    let last = file(&office, BAPENDA, &dates[2]).await;
    let middle = file(&office, BAPENDA, &dates[1]).await;
    let first = file(&office, BAPENDA, &dates[0]).await;
    assert_eq!((&last.head[7], &middle.head[7]), (&sha256(&middle.bytes), &sha256(&first.bytes)));
    office.close().await;
}

#[tokio::test]
async fn a_reversal_stands_in_its_own_days_file_with_its_sign() {
    let office = Office::open().await;
    let orders = office.pay_some(BAPENDA, 3).await;
    office.reverse(BAPENDA, &orders[0], &uuid()).await;
    office.mock.close_day(&today(), BAPENDA).unwrap();
    let file = file(&office, BAPENDA, &today()).await;
    assert!(file.adds_up());
    let reference = orders[0]["reference"].as_str().unwrap();
    let of = |status: &str| -> Vec<&Vec<String>> {
        file.rows.iter().filter(|row| row[2] == reference && row[13] == status).collect()
    };
    let (paid, reversed) = (of("PAID"), of("REVERSED"));
    assert_eq!(paid.len(), reversed.len());
    for (paid, reversed) in paid.iter().zip(&reversed) {
        assert_eq!(paid[3..9], reversed[3..9]);
        assert_eq!(paid[9].parse::<i64>().unwrap(), -reversed[9].parse::<i64>().unwrap());
        assert_eq!(paid[10].parse::<i64>().unwrap(), -reversed[10].parse::<i64>().unwrap());
    }
    let kept: i64 = orders[1..].iter().map(|order| order["amount"].as_i64().unwrap()).sum();
    assert_eq!((file.trailer[2].as_str(), &file.trailer[5]), ("3", &kept.to_string()));
    office.close().await;
}

#[tokio::test]
async fn midnight_closes_the_day_by_itself() {
    let office = Office::open().await;
    office.pay_some(BAPENDA, 2).await;
    office.mock.set_clock_offset_ms(2 * 86_400_000);
    let yesterday = (now() + TimeDelta::days(1)).date_naive().to_string();
    assert_eq!(file(&office, BAPENDA, &today()).await.trailer[2], "2");
    assert_eq!(file(&office, BAPENDA, &yesterday).await.trailer[2], "0");
    assert_eq!(file(&office, JASA_RAHARJA, &today()).await.trailer[2], "0");
    office.close().await;
}
