//! The bulk of a publication: a file's parts and a run's lines, some in each statement.

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store::revision;
use crate::domain::{RunId, Rupiah};
use crate::reconciliation::matched::Chunk;
use crate::reconciliation::result::ResultLine;
use crate::reconciliation::settlement::Header;

/// Keeps parts of a taken file, byte for byte, compressed; the first of them is the file's n-th.
pub(crate) async fn insert_parts(
    connection: &mut PgConnection,
    header: &Header,
    first: usize,
    parts: &[Vec<u8>],
) -> Result<(), sqlx::Error> {
    let numbers: Vec<i32> = (i32::try_from(first).unwrap_or(i32::MAX)..).take(parts.len()).collect();
    sqlx::query!(
        "INSERT INTO settlement_part (authority, business_date, revision, part_no, bytes)
         SELECT $1, $2, $3, * FROM unnest($4::int[], $5::bytea[])",
        header.sender.as_str(),
        header.date.date(),
        revision(header),
        &numbers,
        parts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes matched lines.
pub(crate) async fn insert_matched(
    connection: &mut PgConnection,
    run_id: RunId,
    chunks: &[Chunk],
) -> Result<(), sqlx::Error> {
    if chunks.is_empty() {
        return Ok(());
    }
    let firsts: Vec<i32> = chunks.iter().map(|chunk| chunk.first).collect();
    let lasts: Vec<i32> = chunks.iter().map(|chunk| chunk.last).collect();
    let counts: Vec<i32> = chunks.iter().map(|chunk| chunk.count).collect();
    let authorities: Vec<String> = chunks.iter().map(|chunk| chunk.authority.as_str().to_owned()).collect();
    let first_references: Vec<Uuid> = chunks.iter().map(|chunk| chunk.first_reference.0).collect();
    let last_references: Vec<Uuid> = chunks.iter().map(|chunk| chunk.last_reference.0).collect();
    let bytes: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.bytes.as_slice()).collect();
    sqlx::query!(
        "INSERT INTO night_matched (run_id, first_ordinal, last_ordinal, line_count, authority, first_reference, last_reference, bytes)
         SELECT $1, * FROM unnest($2::int[], $3::int[], $4::int[], $5::text[], $6::uuid[], $7::uuid[], $8::bytea[])",
        run_id.0,
        &firsts,
        &lasts,
        &counts,
        &authorities,
        &first_references,
        &last_references,
        &bytes as &[&[u8]]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes lines that are no plain matches, each with its place in canonical order.
pub(crate) async fn insert_lines(
    connection: &mut PgConnection,
    run_id: RunId,
    placed: &[(i32, ResultLine)],
) -> Result<(), sqlx::Error> {
    let (ordinals, lines): (Vec<i32>, Vec<&ResultLine>) =
        placed.iter().map(|(place, line)| (*place, line)).unzip();
    let of = |text: fn(&ResultLine) -> &str| {
        lines.iter().map(|line| text(line).to_owned()).collect::<Vec<String>>()
    };
    let maybe = |text: fn(&ResultLine) -> &Option<String>| {
        lines.iter().map(|line| text(line).clone()).collect::<Vec<_>>()
    };
    let money = |amount: fn(&ResultLine) -> Option<Rupiah>| {
        lines.iter().map(|line| amount(line).map(Rupiah::get)).collect::<Vec<Option<i64>>>()
    };
    let references: Vec<Uuid> = lines.iter().map(|line| line.reference).collect();
    let due: Vec<NaiveDate> = lines.iter().map(|line| line.due_on.date()).collect();
    let line_nos: Vec<Option<i32>> = lines.iter().map(|line| line.line_no).collect();
    sqlx::query!(
        "INSERT INTO night_line (run_id, ordinal, class, note, authority, reference, due_on, code, beneficiary, status,
                                 number, document_id, plate, here_principal, here_penalty, there_principal, there_penalty,
                                 line_no, ours)
         SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::date[], $8::text[],
                                  $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[],
                                  $15::bigint[], $16::bigint[], $17::bigint[], $18::int[], $19::text[])",
        run_id.0,
        &ordinals,
        &of(|line| &line.class),
        &of(|line| &line.note),
        &of(|line| &line.authority),
        &references,
        &due,
        &of(|line| &line.code),
        &of(|line| &line.beneficiary),
        &of(|line| &line.status),
        &maybe(|line| &line.number) as &[Option<String>],
        &maybe(|line| &line.document_id) as &[Option<String>],
        &of(|line| &line.plate),
        &money(|line| line.here_principal) as &[Option<i64>],
        &money(|line| line.here_penalty) as &[Option<i64>],
        &money(|line| line.there_principal) as &[Option<i64>],
        &money(|line| line.there_penalty) as &[Option<i64>],
        &line_nos as &[Option<i32>],
        &maybe(|line| &line.ours) as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}
