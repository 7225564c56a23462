//! Where everything stands on a sheet. Whole tenths of a point, from the upper left corner.

use super::font::{Face, Faces, Weight};
use crate::paper::qr::Qr;
use crate::paper::{Part, Width};
use crate::receipt::Kind;

/// What a screen reader is told a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    Heading,
    Text,
    /// A line of the table; each piece of text is a cell.
    Row,
    Code,
    /// Nothing: a line, a frame.
    Ornament,
}

/// What is drawn, from the upper left corner of its block.
#[derive(Debug, Clone)]
pub(super) enum Ink {
    Words {
        x: i32,
        baseline: i32,
        weight: Weight,
        size: i32,
        text: String,
        light: bool,
        cell: u8,
    },
    Rule {
        x: i32,
        y: i32,
        length: i32,
    },
    Frame {
        y: i32,
        height: i32,
        kind: Kind,
    },
    /// A black box behind light words.
    Box {
        x: i32,
        y: i32,
        width: i32,
        height: i32,
    },
    Code {
        x: i32,
        y: i32,
        side: i32,
    },
}

/// What is not torn apart between two pages.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) height: i32,
    pub(super) groups: Vec<(Role, Vec<Ink>)>,
}

/// A sheet of that width, and how large letters are on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    pub(super) width: i32,
    /// A roll ends where the text ends.
    pub(super) height: Option<i32>,
    pub(super) margin: i32,
    pub(super) size: i32,
    /// Side of the QR with its quiet zone: four tenths of a millimetre a square.
    code: i32,
}

impl Sheet {
    /// 210 mm × 297 mm, without a code.
    pub(super) const A4: Self = Self { width: 5953, height: Some(8419), margin: 560, size: 95, code: 0 };

    pub(super) const fn of(width: Width) -> Self {
        match width {
            Width::Mm58 => Self { width: 1644, height: None, margin: 130, size: 75, code: 1290 },
            Width::Mm80 => Self { width: 2268, height: None, margin: 140, size: 90, code: 1420 },
            Width::A5 => Self { width: 4195, height: Some(5953), margin: 310, size: 90, code: 1190 },
        }
    }

    /// Between the margins.
    pub(super) const fn room(self) -> i32 {
        self.width - 2 * self.margin
    }

    /// Where the middle of a mark across stands: below the code of a sheet, above that of a roll.
    pub(super) const fn mark_at(self, height: i32) -> i32 {
        if self.is_roll() { height * 2 / 5 } else { height * 2 / 3 }
    }

    /// From one baseline to the next.
    const fn leading(self) -> i32 {
        self.size + self.size / 3
    }

    const fn is_roll(self) -> bool {
        self.height.is_none()
    }
}

/// The blocks of a paper, and its code.
pub(super) struct Layout<'a> {
    sheet: Sheet,
    faces: &'a Faces,
    blocks: Vec<Block>,
    is_past_bill: bool,
}

impl<'a> Layout<'a> {
    /// Lays parts out in their order; on a sheet the code stands beside the first pairs, on a roll where it comes.
    pub(super) fn of(sheet: Sheet, faces: &'a Faces, parts: &[Part]) -> Vec<Block> {
        let mut layout = Self { sheet, faces, blocks: vec![], is_past_bill: false };
        let mut beside = sheet.code > 0 && !sheet.is_roll();
        let mut rest = parts;
        while let [part, tail @ ..] = rest {
            let pairs = rest.iter().take_while(|part| matches!(part, Part::Pair(..))).count();
            if beside && pairs > 0 {
                beside = false;
                let (head, tail) = rest.split_at(pairs);
                layout.pairs_beside_code(head);
                rest = tail;
                continue;
            }
            layout.put(part);
            rest = tail;
        }
        layout.blocks
    }

    fn face(&self, weight: Weight) -> &'a Face {
        self.faces.of(weight)
    }

    fn put(&mut self, part: &Part) {
        match part {
            Part::Title { kind, name, under } => self.title((*kind, name, under)),
            // A sheet has its mark across; a roll, which is torn off anywhere, has it at both ends.
            Part::Mark(_) if self.is_past_bill && !self.sheet.is_roll() => {}
            Part::Mark(mark) => self.mark(mark),
            Part::Name(name) => self.name(name),
            Part::Text(text) => self.text(text, Weight::Regular, Role::Text),
            Part::Heading(text) => {
                self.space(self.sheet.size / 3);
                self.text(text, Weight::Bold, Role::Heading);
            }
            Part::Pair(name, value) => {
                let (height, inks) = self.pair((name, value), self.sheet.room());
                self.blocks.push(Block { height, groups: vec![(Role::Text, inks)] });
            }
            Part::Row { name, receiver, principal, penalty } => {
                self.row([name, receiver, principal, penalty]);
            }
            Part::Total(name, sum) => self.total(name, sum),
            Part::Rule => {
                self.is_past_bill = true;
                self.rule();
            }
            Part::Qr(_) if self.sheet.is_roll() => self.code(),
            Part::Qr(_) => {}
        }
    }

    fn words(&self, (x, baseline): (i32, i32), weight: Weight, size: i32, text: &str) -> Ink {
        let text = self.face(weight).readable(text);
        Ink::Words { x, baseline, weight, size, text, light: false, cell: 0 }
    }

    fn centred(&self, baseline: i32, weight: Weight, size: i32, text: &str) -> Ink {
        let face = self.face(weight);
        let width = face.width(&face.readable(text), size);
        self.words((self.sheet.margin + (self.sheet.room() - width) / 2, baseline), weight, size, text)
    }

    /// The largest size at which a text fits into one line, at most `size`.
    fn fitting(&self, text: &str, size: i32) -> i32 {
        let face = self.face(Weight::Bold);
        let width = face.width(&face.readable(text), size).max(1);
        let room = self.sheet.room() - self.sheet.size;
        if width <= room { size } else { size * room / width }
    }

    fn space(&mut self, height: i32) {
        self.blocks.push(Block { height, groups: vec![] });
    }

    fn title(&mut self, (kind, name, under): (Kind, &str, &str)) {
        let size = self.fitting(name, self.sheet.size * 9 / 4);
        let small = self.sheet.size;
        let top = small / 2;
        let mut inks = vec![self.centred(top + size, Weight::Bold, size, name)];
        let mut boxes = vec![];
        let mut y = top + size + size / 3;
        match kind {
            Kind::Lunas => {
                y += small;
                inks.push(self.centred(y, Weight::Regular, self.fitting(under, small), under));
            }
            Kind::Titip => {
                // White on black: no printer and no eye needs a colour to tell it from a Lunas.
                let size = self.fitting(under, small * 3 / 2);
                let (x, width) = (self.sheet.margin + small / 2, self.sheet.room() - small);
                boxes.push(Ink::Box { x, y, width, height: size * 3 / 2 });
                y += size + size / 8;
                if let Ink::Words { x, baseline, weight, size, text, cell, .. } =
                    self.centred(y, Weight::Bold, size, under)
                {
                    inks.push(Ink::Words { x, baseline, weight, size, text, light: true, cell });
                }
                y += size / 2;
            }
        }
        y += self.sheet.leading();
        inks.push(self.centred(y, Weight::Regular, small, "Samsat OPOP"));
        let height = y + small * 2 / 3;
        boxes.push(Ink::Frame { y: 0, height, kind });
        let groups = vec![(Role::Ornament, boxes), (Role::Title, inks)];
        self.blocks.push(Block { height: height + small, groups });
    }

    fn name(&mut self, name: &str) {
        let size = self.fitting(name, self.sheet.size * 2);
        let ink = self.words((self.sheet.margin, size), Weight::Bold, size, name);
        self.blocks.push(Block { height: size * 3 / 2, groups: vec![(Role::Title, vec![ink])] });
    }

    fn mark(&mut self, mark: &str) {
        let size = self.fitting(mark, self.sheet.size * 3 / 2);
        let ink = self.centred(size, Weight::Bold, size, mark);
        self.blocks.push(Block { height: size + size / 2, groups: vec![(Role::Text, vec![ink])] });
    }

    fn text(&mut self, text: &str, weight: Weight, role: Role) {
        let (margin, size, leading) = (self.sheet.margin, self.sheet.size, self.sheet.leading());
        let mut baseline = size - leading;
        let mut inks = vec![];
        for line in self.face(weight).wrapped(text, size, self.sheet.room()) {
            baseline += leading;
            inks.push(self.words((margin, baseline), weight, size, &line));
        }
        let height = baseline + leading - size + size / 4;
        self.blocks.push(Block { height, groups: vec![(role, inks)] });
    }

    /// A word and its value beside it, or below it where the room is small.
    fn pair(&self, (name, value): (&str, &str), room: i32) -> (i32, Vec<Ink>) {
        let (margin, size, leading) = (self.sheet.margin, self.sheet.size, self.sheet.leading());
        let name = format!("{name}: ");
        let column = if self.sheet.is_roll() { room * 2 / 5 } else { room / 3 };
        let mut inks = vec![self.words((margin, size), Weight::Regular, size, &name)];
        let mut baseline = size;
        let mut x = margin + column;
        if self.face(Weight::Regular).width(&name, size) > column {
            x = margin + size;
            baseline += leading;
        }
        let lines = self.face(Weight::Bold).wrapped(value, size, margin + room - x);
        for (n, line) in (0..).zip(&lines) {
            inks.push(self.words((x, baseline + n * leading), Weight::Bold, size, line));
        }
        let more = i32::try_from(lines.len()).unwrap_or_default().saturating_sub(1);
        (baseline + more * leading + leading - size, inks)
    }

    fn pairs_beside_code(&mut self, pairs: &[Part]) {
        let side = self.sheet.code;
        let room = self.sheet.room() - side - self.sheet.size;
        let (mut y, mut groups) = (0, vec![]);
        for part in pairs {
            let Part::Pair(name, value) = part else { continue };
            let (height, mut inks) = self.pair((name, value), room);
            for ink in &mut inks {
                ink.lower(y);
            }
            groups.push((Role::Text, inks));
            y += height + self.sheet.size / 4;
        }
        let x = self.sheet.width - self.sheet.margin - side;
        groups.push((Role::Code, vec![Ink::Code { x, y: 0, side }]));
        self.blocks.push(Block { height: y.max(side) + self.sheet.size / 2, groups });
    }

    fn row(&mut self, [name, receiver, principal, penalty]: [&str; 4]) {
        let (margin, size, leading) = (self.sheet.margin, self.sheet.size, self.sheet.leading());
        let right = margin + self.sheet.room();
        let column = self.sheet.room() / 4;
        let mut inks = vec![];
        let mut baseline = size;
        let amount = |at: (i32, i32), cell: u8, text: &str| {
            let x = at.0 - self.face(Weight::Regular).width(text, size);
            let text = text.to_owned();
            Ink::Words { x, baseline: at.1, weight: Weight::Regular, size, text, light: false, cell }
        };
        let fine = if penalty.is_empty() { String::new() } else { format!("denda {penalty}") };
        inks.push(self.words((margin, baseline), Weight::Regular, size, name));
        if self.sheet.is_roll() {
            inks.push(amount((right, baseline), 1, principal));
            if !fine.is_empty() {
                baseline += leading;
                inks.push(amount((right, baseline), 2, &fine));
            }
        } else {
            let middle = if penalty.is_empty() { right } else { right - column - size };
            inks.push(amount((middle, baseline), 1, principal));
            if !fine.is_empty() {
                inks.push(amount((right, baseline), 2, &fine));
            }
        }
        if !receiver.is_empty() {
            let small = size * 7 / 8;
            // On a roll the fine stands at the right of this line.
            baseline += if self.sheet.is_roll() {
                leading - if fine.is_empty() { 0 } else { leading }
            } else {
                leading
            };
            let room = if self.sheet.is_roll() { self.sheet.room() * 3 / 5 } else { self.sheet.room() };
            let lines = self.face(Weight::Regular).wrapped(&format!("untuk {receiver}"), small, room);
            for (n, line) in (0..).zip(&lines) {
                inks.push(self.words((margin, baseline + n * leading), Weight::Regular, small, line));
            }
            baseline += i32::try_from(lines.len()).unwrap_or_default().saturating_sub(1) * leading;
        }
        self.blocks
            .push(Block { height: baseline + leading - size + size / 6, groups: vec![(Role::Row, inks)] });
    }

    fn total(&mut self, name: &str, sum: &str) {
        let size = self.fitting(&format!("{name}   {sum}"), self.sheet.size * 7 / 4);
        let x = self.sheet.margin + self.sheet.room() - self.face(Weight::Bold).width(sum, size);
        let mut amount = self.words((x, size), Weight::Bold, size, sum);
        if let Ink::Words { cell, .. } = &mut amount {
            *cell = 1;
        }
        let inks = vec![self.words((self.sheet.margin, size), Weight::Bold, size, name), amount];
        self.blocks.push(Block { height: size + size / 2, groups: vec![(Role::Row, inks)] });
    }

    fn rule(&mut self) {
        let y = self.sheet.size / 3;
        let ink = Ink::Rule { x: self.sheet.margin, y, length: self.sheet.room() };
        self.blocks.push(Block { height: 2 * y, groups: vec![(Role::Ornament, vec![ink])] });
    }

    fn code(&mut self) {
        let side = self.sheet.code.min(self.sheet.width);
        let x = (self.sheet.width - side) / 2;
        let groups = vec![(Role::Code, vec![Ink::Code { x, y: 0, side }])];
        self.blocks.push(Block { height: side + self.sheet.size / 2, groups });
    }
}

impl Ink {
    fn lower(&mut self, by: i32) {
        match self {
            Self::Words { baseline, .. } => *baseline += by,
            Self::Rule { y, .. } | Self::Frame { y, .. } | Self::Box { y, .. } | Self::Code { y, .. } => {
                *y += by;
            }
        }
    }
}

/// The longest page of a roll: a printer's driver takes three metres, a coordinate a little more.
const ROLL_MAX: i32 = 30_000;

/// Blocks by page, each with its distance from the upper edge, and the height of the pages.
pub(super) fn pages(sheet: Sheet, blocks: Vec<Block>) -> (i32, Vec<Vec<(i32, Block)>>) {
    let whole: i32 = blocks.iter().map(|block| block.height).sum::<i32>() + 2 * sheet.margin;
    let height = sheet.height.unwrap_or_else(|| whole.min(ROLL_MAX));
    let mut pages = vec![vec![]];
    let mut y = sheet.margin;
    for block in blocks {
        if y + block.height > height - sheet.margin && y > sheet.margin {
            pages.push(vec![]);
            y = sheet.margin;
        }
        let next = y + block.height;
        if let Some(page) = pages.last_mut() {
            page.push((y, block));
        }
        y = next;
    }
    (height, pages)
}

/// The code of a payload.
pub(super) fn code_of(parts: &[Part]) -> Option<Qr> {
    parts.iter().find_map(|part| match part {
        Part::Qr(payload) => Qr::of(payload).ok(),
        _ => None,
    })
}
