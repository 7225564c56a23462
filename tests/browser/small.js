// A picture with at most 256 colours, as a PNG with a palette: a third of what the browser writes.
async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const colour = (i) => data[4 * i] << 16 | data[4 * i + 1] << 8 | data[4 * i + 2];
  const count = new Map();
  for (let i = 0; i < width * height; i += 1) count.set(colour(i), (count.get(colour(i)) || 0) + 1);
  const palette = [...count].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 256).map(([c]) => c);
  const place = new Map(palette.map((c, index) => [c, index]));
  const apart = (a, b) => Math.abs((a >> 16) - (b >> 16)) + Math.abs((a >> 8 & 255) - (b >> 8 & 255)) + Math.abs((a & 255) - (b & 255));
  const nearest = (c) => {
    let best = 0;
    palette.forEach((other, index) => { if (apart(c, other) < apart(c, palette[best])) best = index; });
    place.set(c, best);
    return best;
  };
  const rows = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const c = colour(y * width + x);
      rows[y * (width + 1) + x + 1] = place.get(c) ?? nearest(c);
    }
  }
  const packed = new Uint8Array(await new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'))).arrayBuffer());
  const sums = Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ c >>> 1 : c >>> 1; return c; });
  const sum = (all) => { let c = -1; for (const b of all) c = sums[(c ^ b) & 255] ^ c >>> 8; return ~c; };
  const word = (n) => [n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255];
  const chunk = (name, body) => {
    const inside = [...name].map((c) => c.charCodeAt(0)).concat([...body]);
    return [...word(body.length), ...inside, ...word(sum(inside))];
  };
  const png = [137, 80, 78, 71, 13, 10, 26, 10].concat(
    chunk('IHDR', [...word(width), ...word(height), 8, 3, 0, 0, 0]),
    chunk('PLTE', palette.flatMap((c) => [c >> 16, c >> 8 & 255, c & 255])), chunk('IDAT', packed), chunk('IEND', []));
  return btoa(png.map((b) => String.fromCharCode(b)).join(''));
}
