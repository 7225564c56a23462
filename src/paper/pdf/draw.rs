//! Puts a layout into a document, with a tag for everything that is read.

use std::num::NonZeroU16;
use std::sync::Arc;

use krilla::Document;
use krilla::color::luma;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::image::{BitsPerComponent, CustomImage, Image, ImageColorspace};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};

use super::PdfError;
use super::font::{Faces, Weight};
use super::layout::{Block, Ink, Role, Sheet};
use crate::paper::qr::Qr;
use crate::receipt::Kind;

/// From tenths of a point to points.
const TENTH: f32 = 0.1;
/// The slant of what stands across a page, 35 degrees upwards: cosine, sine, and the sine downwards.
const SLANT: [f32; 3] = [0.819, 0.574, -0.574];

/// A number of tenths that a sheet has: at most 30,000.
fn tenths(n: i32) -> f32 {
    f32::from(i16::try_from(n).unwrap_or(i16::MAX))
}

/// A page's side in points, which knows no scale: rounded up, by a third of a millimetre at most.
fn points(n: i32) -> f32 {
    f32::from(i16::try_from((n + 9) / 10).unwrap_or(i16::MAX))
}

/// The code as an image: one grey byte a square.
#[derive(Clone, Hash)]
struct Squares {
    side: u32,
    grey: Arc<[u8]>,
}

impl CustomImage for Squares {
    fn color_channel(&self) -> &[u8] {
        &self.grey
    }

    fn alpha_channel(&self) -> Option<&[u8]> {
        None
    }

    fn bits_per_component(&self) -> BitsPerComponent {
        BitsPerComponent::Eight
    }

    fn size(&self) -> (u32, u32) {
        (self.side, self.side)
    }

    fn icc_profile(&self) -> Option<&[u8]> {
        None
    }

    fn color_space(&self) -> ImageColorspace {
        ImageColorspace::Luma
    }
}

/// What drawing needs beside a block.
struct Pen<'a> {
    faces: &'a Faces,
    code: Option<Image>,
    alt: &'a str,
    sheet: i32,
}

/// What a document has beside its blocks.
pub(super) struct Beside<'a> {
    /// The code, and what a screen reader says of it.
    pub(super) code: Option<(&'a Qr, &'a str)>,
    /// What stands across each page.
    pub(super) across: Option<&'a str>,
}

/// Draws every page and hangs the tree of tags into the document.
pub(super) fn pages(
    document: &mut Document,
    faces: &Faces,
    beside: &Beside<'_>,
    (sheet, height): (Sheet, i32),
    pages: &[Vec<(i32, Block)>],
) -> Result<(), PdfError> {
    let image = |(code, _): (&Qr, &str)| {
        let side = u32::try_from(code.svg_side()).unwrap_or_default();
        Image::from_custom(Squares { side, grey: code.grey().into() }, false)
    };
    let code = beside.code.map(image).transpose().map_err(PdfError::Format)?;
    let pen = Pen { faces, code, alt: beside.code.map_or("", |(_, alt)| alt), sheet: sheet.width };
    let settings = PageSettings::from_wh(points(sheet.width), points(height));
    let settings = settings.ok_or_else(|| PdfError::Format("no size".to_owned()))?;
    let mut tags = Tags::default();
    for blocks in pages {
        let mut page = document.start_page_with(settings.clone());
        let mut surface = page.surface();
        surface.push_transform(&Transform::from_scale(TENTH, TENTH));
        if let Some(mark) = beside.across {
            pen.across(&mut surface, mark, sheet.mark_at(height));
        }
        for (y, block) in blocks {
            surface.push_transform(&Transform::from_translate(0.0, tenths(*y)));
            for (role, inks) in &block.groups {
                pen.group(&mut surface, &mut tags, *role, inks);
            }
            surface.pop();
        }
        surface.pop();
        surface.finish();
        page.finish();
    }
    document.set_tag_tree(tags.tree());
    Ok(())
}

impl Pen<'_> {
    fn group(&self, surface: &mut Surface<'_>, tags: &mut Tags, role: Role, inks: &[Ink]) {
        let mut cells: Vec<(u8, Identifier)> = vec![];
        for ink in inks {
            let (tag, cell) = match ink {
                Ink::Words { cell, .. } => (ContentTag::Span(SpanTag::empty()), *cell),
                Ink::Code { .. } => (ContentTag::Other, 0),
                Ink::Rule { .. } | Ink::Frame { .. } | Ink::Box { .. } => {
                    (ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)), 0)
                }
            };
            let is_read = !matches!(tag, ContentTag::Artifact(_));
            let id = surface.start_tagged(tag);
            self.ink(surface, ink);
            surface.end_tagged();
            if is_read {
                cells.push((cell, id));
            }
        }
        tags.push(role, cells, self.alt);
    }

    fn ink(&self, surface: &mut Surface<'_>, ink: &Ink) {
        match ink {
            Ink::Words { x, baseline, weight, size, text, light, .. } => {
                let shade = if *light { luma::Color::white() } else { luma::Color::black() };
                self.words(surface, (*x, *baseline), (*weight, *size, shade), text);
            }
            Ink::Rule { x, y, length } => {
                let mut line = PathBuilder::new();
                line.move_to(tenths(*x), tenths(*y));
                line.line_to(tenths(x + length), tenths(*y));
                stroke(surface, line.finish(), 7, None);
            }
            Ink::Frame { y, height, kind } => self.frame(surface, (*y, *height), *kind),
            Ink::Box { x, y, width, height } => {
                surface.set_stroke(None);
                surface.set_fill(Some(fill(luma::Color::black())));
                if let Some(path) = rectangle(*x, *y, *width, *height) {
                    surface.draw_path(&path);
                }
            }
            Ink::Code { x, y, side } => {
                let Some((size, code)) = Size::from_wh(tenths(*side), tenths(*side)).zip(self.code.clone())
                else {
                    return;
                };
                surface.push_transform(&Transform::from_translate(tenths(*x), tenths(*y)));
                surface.draw_image(code, size);
                surface.pop();
            }
        }
    }

    fn words(
        &self,
        surface: &mut Surface<'_>,
        (x, baseline): (i32, i32),
        (weight, size, shade): (Weight, i32, luma::Color),
        text: &str,
    ) {
        let face = self.faces.of(weight);
        surface.set_stroke(None);
        surface.set_fill(Some(fill(shade)));
        let start = Point::from_xy(tenths(x), tenths(baseline));
        surface.draw_glyphs(start, &face.glyphs(text), face.font.clone(), text, tenths(size), false);
    }

    /// Two whole lines around a Lunas, one broken line around a Titip.
    fn frame(&self, surface: &mut Surface<'_>, (y, height): (i32, i32), kind: Kind) {
        let edge = 90;
        let around = |inset: i32| {
            let (x, width) = (edge + inset, self.sheet - 2 * (edge + inset));
            rectangle(x, y + inset, width, height - 2 * inset)
        };
        match kind {
            Kind::Lunas => {
                stroke(surface, around(0), 18, None);
                stroke(surface, around(30), 7, None);
            }
            Kind::Titip => {
                let dash = StrokeDash { array: vec![tenths(80), tenths(50)], offset: 0.0 };
                stroke(surface, around(0), 22, Some(dash));
            }
        }
    }

    /// A word across the page, behind everything else.
    fn across(&self, surface: &mut Surface<'_>, mark: &str, middle: i32) {
        let face = self.faces.of(Weight::Bold);
        let size = self.sheet / 10;
        let width = face.width(mark, size);
        let [along, up, down] = SLANT;
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Watermark)));
        // Rising to the right.
        let (x, y) = (tenths(self.sheet / 2), tenths(middle));
        surface.push_transform(&Transform::from_row(along, down, up, along, x, y));
        self.words(surface, (-width / 2, size / 3), (Weight::Bold, size, luma::Color::new(170)), mark);
        surface.pop();
        surface.end_tagged();
    }
}

fn fill(shade: luma::Color) -> Fill {
    Fill { paint: shade.into(), ..Fill::default() }
}

fn rectangle(x: i32, y: i32, width: i32, height: i32) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(tenths(x), tenths(y), tenths(width), tenths(height))?);
    path.finish()
}

fn stroke(surface: &mut Surface<'_>, path: Option<Path>, width: i32, dash: Option<StrokeDash>) {
    let Some(path) = path else { return };
    surface.set_fill(None);
    let paint = luma::Color::black().into();
    surface.set_stroke(Some(Stroke { paint, width: tenths(width), dash, ..Stroke::default() }));
    surface.draw_path(&path);
}

/// The tree: rows that follow one another are one table.
#[derive(Default)]
struct Tags {
    tree: Vec<TagGroup>,
    table: Option<TagGroup>,
}

impl Tags {
    fn push(&mut self, role: Role, cells: Vec<(u8, Identifier)>, alt: &str) {
        if cells.is_empty() {
            return;
        }
        if role == Role::Row {
            let table = self.table.get_or_insert_with(|| TagGroup::new(Tag::Table));
            table.push(row(cells));
            return;
        }
        self.tree.extend(self.table.take());
        let mut group = match role {
            Role::Title => TagGroup::new(Tag::Hn(NonZeroU16::MIN, None)),
            Role::Heading => TagGroup::new(Tag::Hn(NonZeroU16::MIN.saturating_add(1), None)),
            Role::Code => TagGroup::new(Tag::Figure(Some(alt.to_owned()))),
            Role::Text | Role::Row | Role::Ornament => TagGroup::new(Tag::P),
        };
        for (_, id) in cells {
            group.push(id);
        }
        self.tree.push(group);
    }

    fn tree(mut self) -> TagTree {
        self.tree.extend(self.table.take());
        let mut tree = TagTree::new().with_lang(Some("id".to_owned()));
        for group in self.tree {
            tree.push(group);
        }
        tree
    }
}

/// What a line is about is its header; each amount is a cell.
fn row(cells: Vec<(u8, Identifier)>) -> TagGroup {
    let mut header = TagGroup::new(Tag::TH(TableHeaderScope::Row));
    let mut row = TagGroup::new(Tag::TR);
    let (names, amounts): (Vec<_>, Vec<_>) = cells.into_iter().partition(|(cell, _)| *cell == 0);
    for (_, id) in names {
        header.push(id);
    }
    row.push(header);
    for (_, id) in amounts {
        let mut cell = TagGroup::new(Tag::TD);
        cell.push(id);
        row.push(cell);
    }
    row
}
