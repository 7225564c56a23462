//! Pictures of a receipt's QR as a phone or a scanner would make them, drawn from what the gateway sent.

use samsat_gateway::paper::picture;

use super::pdf::Picture;

/// A picture file of black and white squares.
pub fn png(side: usize, pixels: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    let length = u32::try_from(side).expect("a side");
    let mut encoder = png::Encoder::new(&mut file, length, length);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().expect("a header").write_image_data(pixels).expect("pixels");
    file
}

/// The same as a photograph would keep it.
pub fn jpeg(side: usize, pixels: &[u8]) -> Vec<u8> {
    let mut file = vec![];
    let length = u16::try_from(side).expect("a side");
    let encoder = jpeg_encoder::Encoder::new(&mut file, 70);
    encoder.encode(pixels, length, length, jpeg_encoder::ColorType::Luma).expect("pixels");
    file
}

/// Every pixel as a square of `by` by `by`.
pub fn enlarged(picture: &Picture, by: usize) -> Picture {
    let side = picture.side * by;
    let at = |i: usize| picture.pixels[(i / side / by) * picture.side + i % side / by];
    Picture { side, pixels: (0..side * side).map(at).collect() }
}

/// Draws the QR of a page, whose path is bars of one square's height: `M4 4h7v1h-7z`.
pub fn qr_of_page(html: &str) -> Picture {
    let svg = html.split("<svg class=\"qr\"").nth(1).expect("a QR").split("</svg>").next().expect("its end");
    let side: usize = svg
        .split("viewBox=\"0 0 ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("a size")
        .parse()
        .expect("a number");
    let path =
        svg.split("fill=\"#000\" d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
    let mut pixels = vec![255; side * side];
    for bar in path.split('M').skip(1) {
        let (x, rest) = bar.split_once(' ').expect("x");
        let (y, rest) = rest.split_once('h').expect("y");
        let (length, rest) = rest.split_once('v').expect("a length");
        assert_eq!(rest, format!("1h-{length}z"), "a bar is closed");
        let [x, y, length] = [x, y, length].map(|n| n.parse::<usize>().expect("a number"));
        pixels[y * side + x..y * side + x + length].fill(0);
    }
    Picture { side, pixels }
}

/// What a reader makes out in that picture.
pub fn decoded(picture: &Picture) -> String {
    let larger = enlarged(picture, 4);
    picture::payload(&png(larger.side, &larger.pixels)).expect("a code")
}
