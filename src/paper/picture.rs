//! Reads a payload back from what somebody holds: a photograph or scan (PNG, JPEG), or our own PDF. Whatever it is given, it
//! takes no more than a fixed number of bytes and pixels, and it believes nothing: the signature is checked by who asks.

use std::io::Cursor;

use png::{ColorType, Limits, Transformations};
use rqrr::PreparedImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Largest file: a page scanned at 600 dots an inch is smaller.
pub const FILE_MAX: usize = 16 << 20;
/// Most pixels of a picture: 24 megapixels. A small file can claim millions of times its size, so this is asked first.
const PIXELS_MAX: u64 = 24_000_000;
/// Longest side.
const SIDE_MAX: usize = 12_000;
/// What a decoder may use beside the picture itself.
const WORK_MAX: usize = 128 << 20;
/// How every payload begins, and the longest that is looked at.
const PREFIX: &str = "SOPOP1.";
const PAYLOAD_MAX: usize = 4_096;

/// Why no payload was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The file or the picture is larger than is looked at.
    #[error("the picture is larger than 16 MiB or 24 megapixels")]
    TooLarge,
    /// It is broken, or of a kind that is not read.
    #[error("the picture cannot be read")]
    Unreadable,
    /// It has no QR code of ours that can be made out.
    #[error("no QR code with a receipt's text can be made out in it")]
    NoCode,
}

/// A picture in grey.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Whether those bytes are a PNG, a JPEG or a PDF.
#[must_use]
pub fn is_one(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}

#[derive(Clone, Copy)]
enum Kind {
    Png,
    Jpeg,
    Pdf,
}

fn kind(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(Kind::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Kind::Pdf),
        _ => None,
    }
}

/// The payload that a picture or a PDF of ours carries, not yet checked.
///
/// # Errors
/// [`PictureError`] when it is too large, cannot be read, or carries none.
pub fn payload(bytes: &[u8]) -> Result<String, PictureError> {
    if bytes.len() > FILE_MAX {
        return Err(PictureError::TooLarge);
    }
    match kind(bytes).ok_or(PictureError::Unreadable)? {
        Kind::Png => read(&png(bytes)?),
        Kind::Jpeg => read(&jpeg(bytes)?),
        Kind::Pdf => keyword(bytes),
    }
}

/// A picture of those sides that may be decoded.
fn admitted(width: usize, height: usize) -> Result<(), PictureError> {
    let pixels = u64::try_from(width).ok().zip(u64::try_from(height).ok());
    let pixels = pixels.and_then(|(width, height)| width.checked_mul(height));
    let fits = width <= SIDE_MAX && height <= SIDE_MAX && pixels.is_some_and(|pixels| pixels <= PIXELS_MAX);
    if fits { Ok(()) } else { Err(PictureError::TooLarge) }
}

fn png(bytes: &[u8]) -> Result<Grey, PictureError> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: WORK_MAX });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|_| PictureError::Unreadable)?;
    let pixels = |side: u32| usize::try_from(side).map_err(|_| PictureError::TooLarge);
    let (width, height) = (pixels(reader.info().width)?, pixels(reader.info().height)?);
    admitted(width, height)?;
    let size = reader.output_buffer_size().ok_or(PictureError::TooLarge)?;
    let mut raw = vec![0; size];
    let frame = reader.next_frame(&mut raw).map_err(|_| PictureError::Unreadable)?;
    let samples = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(PictureError::Unreadable),
    };
    let pixels = raw.chunks_exact(samples).map(grey).collect();
    Ok(Grey { width, height, pixels })
}

/// The middle of the three colours over a white ground: exact enough for black on white.
fn grey(pixel: &[u8]) -> u8 {
    let (light, alpha) = match *pixel {
        [light] => (u16::from(light), 255),
        [light, alpha] => (u16::from(light), u16::from(alpha)),
        [red, green, blue] => ((u16::from(red) + 2 * u16::from(green) + u16::from(blue)) / 4, 255),
        [red, green, blue, alpha] => {
            ((u16::from(red) + 2 * u16::from(green) + u16::from(blue)) / 4, u16::from(alpha))
        }
        _ => (255, 255),
    };
    u8::try_from((light * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}

fn jpeg(bytes: &[u8]) -> Result<Grey, PictureError> {
    let options = DecoderOptions::default()
        .set_max_width(SIDE_MAX)
        .set_max_height(SIDE_MAX)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| PictureError::Unreadable)?;
    let (width, height) = decoder.dimensions().ok_or(PictureError::Unreadable)?;
    admitted(width, height)?;
    let pixels = decoder.decode().map_err(|_| PictureError::Unreadable)?;
    if pixels.len() == width * height {
        Ok(Grey { width, height, pixels })
    } else {
        Err(PictureError::Unreadable)
    }
}

/// The text of the first code that reads like ours: by the light around each pixel, as a photograph needs it; by one light for
/// all, as a scan or a screen needs it; and at half the size, where a photograph is coarse and large.
fn read(picture: &Grey) -> Result<String, PictureError> {
    if picture.pixels.is_empty() {
        return Err(PictureError::NoCode);
    }
    let small = || Some(halved(picture)).filter(|small| !small.pixels.is_empty());
    let found = decode(picture).or_else(|| decode(&by_one_light(picture)));
    found
        .or_else(|| decode(&small()?))
        .or_else(|| decode(&by_one_light(&small()?)))
        .ok_or(PictureError::NoCode)
}

/// Black and white, cut in the middle between the darkest and the lightest.
fn by_one_light(picture: &Grey) -> Grey {
    let least = picture.pixels.iter().copied().min().unwrap_or_default();
    let most = picture.pixels.iter().copied().max().unwrap_or_default();
    let middle = u8::midpoint(least, most);
    let pixels = picture.pixels.iter().map(|light| if *light > middle { u8::MAX } else { 0 }).collect();
    Grey { width: picture.width, height: picture.height, pixels }
}

fn decode(picture: &Grey) -> Option<String> {
    let at = |x: usize, y: usize| picture.pixels.get(y * picture.width + x).copied().unwrap_or(u8::MAX);
    let mut image = PreparedImage::prepare_from_greyscale(picture.width, picture.height, at);
    let texts = image.detect_grids().into_iter().filter_map(|grid| grid.decode().ok());
    texts.map(|(_, text)| text).find(|text| text.starts_with(PREFIX) && text.len() <= PAYLOAD_MAX)
}

fn halved(picture: &Grey) -> Grey {
    let (width, height) = (picture.width / 2, picture.height / 2);
    let at =
        |x: usize, y: usize| u16::from(picture.pixels.get(y * picture.width + x).copied().unwrap_or(u8::MAX));
    let middle = |x: usize, y: usize| {
        let sum = at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) + at(2 * x + 1, 2 * y + 1);
        u8::try_from(sum / 4).unwrap_or(u8::MAX)
    };
    let pixels =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| middle(x, y)).collect();
    Grey { width, height, pixels }
}

/// The payload that our PDF has as its keyword; nothing of the page is drawn.
fn keyword(bytes: &[u8]) -> Result<String, PictureError> {
    let mark = PREFIX.as_bytes();
    let at = bytes.windows(mark.len()).position(|window| window == mark).ok_or(PictureError::NoCode)?;
    let is_ours = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let rest = bytes.get(at..).unwrap_or_default().iter().copied();
    let text: Vec<u8> = rest.take_while(is_ours).take(PAYLOAD_MAX).collect();
    String::from_utf8(text).map_err(|_| PictureError::NoCode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::Width;
    use crate::paper::qr::Qr;
    use crate::paper::sample::lunas;

    fn encoded(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
        let mut file = vec![];
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        file
    }

    fn enlarged(qr: &Qr, by: usize) -> (usize, Vec<u8>) {
        let whole = qr.svg_side();
        let (grey, side) = (qr.grey(), whole * by);
        (side, (0..side * side).map(|i| grey[(i / side / by) * whole + i % side / by]).collect())
    }

    #[test]
    fn the_code_of_a_paper_is_read_from_its_picture() {
        let payload_of = lunas().payload;
        let qr = Qr::of(&payload_of).unwrap();
        for by in [2, 3, 6] {
            let (side, pixels) = enlarged(&qr, by);
            let side = u32::try_from(side).unwrap();
            assert_eq!(
                payload(&encoded(side, side, &pixels)),
                Ok(payload_of.clone()),
                "{by} pixels a square"
            );
        }
    }

    #[test]
    fn a_photograph_is_read_through_its_noise() {
        let payload_of = lunas().payload;
        let qr = Qr::of(&payload_of).unwrap();
        for (by, quality) in [(3, 90), (5, 70), (8, 50)] {
            let (side, pixels) = enlarged(&qr, by);
            let mut file = vec![];
            let length = u16::try_from(side).unwrap();
            let encoder = jpeg_encoder::Encoder::new(&mut file, quality);
            encoder.encode(&pixels, length, length, jpeg_encoder::ColorType::Luma).unwrap();
            assert_eq!(payload(&file), Ok(payload_of.clone()), "{by} pixels a square, quality {quality}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]

        /// Stains and pen strokes: the payload is read whole or not at all, whatever is drawn over it.
        #[test]
        fn a_damaged_picture_gives_the_payload_or_nothing(
            blots in proptest::collection::vec((0_usize..300, 0_usize..300, 1_usize..40, proptest::bool::ANY), 0..12),
        ) {
            let payload_of = lunas().payload;
            let (side, mut pixels) = enlarged(&Qr::of(&payload_of).unwrap(), 3);
            for (x, y, size, dark) in blots {
                for row in y..(y + size).min(side) {
                    let from = row * side + x.min(side);
                    pixels[from..(from + size).min((row + 1) * side)].fill(if dark { 0 } else { 255 });
                }
            }
            let length = u32::try_from(side).unwrap();
            let read = payload(&encoded(length, length, &pixels));
            proptest::prop_assert!(read == Ok(payload_of) || read == Err(PictureError::NoCode), "{read:?}");
        }
    }

    #[test]
    fn the_payload_of_our_pdf_is_its_keyword() {
        let file = crate::paper::pdf::print(&lunas(), Width::A5).unwrap();
        assert!(is_one(&file));
        assert_eq!(payload(&file), Ok(lunas().payload));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused_before_it_is_unpacked() {
        // A header alone: 60,000 by 60,000, and no pixel.
        let mut file = encoded(1, 1, &[0]);
        file[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let sum = crc(&file[12..29]);
        file[29..33].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(payload(&file), Err(PictureError::TooLarge));
        assert_eq!(payload(&vec![0x89; FILE_MAX + 1]), Err(PictureError::TooLarge));
    }

    fn crc(bytes: &[u8]) -> u32 {
        let step = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
        !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
    }

    #[test]
    fn what_is_cut_off_empty_or_something_else_is_no_receipt() {
        let (side, pixels) = enlarged(&Qr::of("https://example.com/").unwrap(), 4);
        let side = u32::try_from(side).unwrap();
        let other = encoded(side, side, &pixels);
        assert_eq!(payload(&other), Err(PictureError::NoCode), "a code of somebody else");
        assert_eq!(payload(&other[..other.len() / 2]), Err(PictureError::Unreadable));
        assert_eq!(payload(&encoded(3, 3, &[255; 9])), Err(PictureError::NoCode));
        for bytes in [b"".as_slice(), b"hello", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"] {
            assert_eq!(payload(bytes), Err(PictureError::Unreadable));
        }
        assert_eq!(payload(b"%PDF-1.7"), Err(PictureError::NoCode));
    }
}
