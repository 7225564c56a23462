use super::*;
use crate::reconciliation::sample::{File, PAID_LINE, REFERENCE};

fn groups(block: &Block) -> Vec<(u128, String, Vec<Line>)> {
    let (mut rest, mut groups) = (block.run.as_slice(), vec![]);
    while !rest.is_empty() {
        let (_, group) = rest.split_at(BOOKED);
        let len = packed::length(group).unwrap().get();
        let mut lines = vec![];
        let head = packed::unpack(&group[..len], &mut lines).unwrap();
        groups.push((head.reference, head.number.to_owned(), lines));
        rest = &group[len..];
    }
    groups
}

#[test]
fn rows_that_stand_together_are_one_group_and_groups_are_sorted() {
    let mut file = File::empty("2026-11-24");
    file.paid("9a0c0000-0000-4000-8000-000000000009", "B1B2C3D4E5F60718", "AG1A", PAID_LINE[0]);
    for line in PAID_LINE {
        file.paid(REFERENCE, "A1B2C3D4E5F60718", "L1234AB", line);
    }
    file.paid("9a0c0000-0000-4000-8000-000000000009", "B1B2C3D4E5F60718", "AG1A", PAID_LINE[1]);
    let text = file.text();
    let rows: String = text.split_inclusive('\n').skip(1).collect();
    let block = read(rows.as_bytes(), Authority::Bapenda).unwrap();
    assert_eq!((block.count, block.first), (4, Some(1)));
    assert!(block.trailer.is_some());
    let places: Vec<Vec<u32>> =
        groups(&block).iter().map(|(.., lines)| lines.iter().map(|l| l.line_no).collect()).collect();
    assert_eq!(places, [vec![2, 3], vec![1], vec![4]]);
    let sum: i128 = block.sums.iter().map(|sums| sums.principal + sums.penalty).sum();
    assert_eq!(sum, 2 * 365_900);
}
