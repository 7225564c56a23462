// Checks an Ed25519 signature (RFC 8032, 5.1.7) where the browser cannot. Written for this page; plain and slow (some tens of
// milliseconds), and it holds no secret, so that its timing tells nothing.
self.Ed25519 = (() => {
  'use strict';
  const P = 2n ** 255n - 19n;
  const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
  const WORD = (1n << 64n) - 1n;
  const mod = (n) => { const r = n % P; return r < 0n ? r + P : r; };
  const power = (base, exponent) => {
    let result = 1n;
    for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b);
    return result;
  };
  const inverse = (n) => power(n, P - 2n);
  const D = mod(-121665n * inverse(121666n));
  const ROOT = power(2n, (P - 1n) / 4n); // a square root of -1

  // Numbers are little-endian bytes.
  const number = (bytes) => bytes.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
  const bytesOf = (n) => Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 255n));

  // Points are X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z.
  const ZERO = [0n, 1n, 1n, 0n];
  const add = ([x1, y1, z1, t1], [x2, y2, z2, t2]) => {
    const a = mod((y1 - x1) * (y2 - x2));
    const b = mod((y1 + x1) * (y2 + x2));
    const c = mod(2n * D * t1 * t2);
    const d = mod(2n * z1 * z2);
    const [e, f, g, h] = [b - a, d - c, d + c, b + a];
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
  };
  const times = (n, point) => {
    let result = ZERO;
    for (let rest = n, p = point; rest > 0n; rest >>= 1n, p = add(p, p)) if (rest & 1n) result = add(result, p);
    return result;
  };
  // The point with that y and that sign of x, or null when there is none.
  const point = (bytes) => {
    const whole = number(bytes);
    const y = whole & ((1n << 255n) - 1n);
    const sign = whole >> 255n;
    if (y >= P) return null;
    const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
    let x = mod(u * v ** 3n * power(u * v ** 7n, (P - 5n) / 8n));
    if (mod(v * x * x) !== u) x = mod(x * ROOT);
    if (mod(v * x * x) !== u || (x === 0n && sign === 1n)) return null;
    if ((x & 1n) !== sign) x = P - x;
    return [x, y, 1n, mod(x * y)];
  };
  const encoded = ([x, y, z]) => {
    const one = inverse(z);
    return bytesOf(mod(y * one) | ((mod(x * one) & 1n) << 255n));
  };
  const BASE = point(bytesOf(mod(4n * inverse(5n))));

  // SHA-512 (FIPS 180-4). Its constants are the first 64 bits of the fractions of square and cube roots of primes.
  const primes = [];
  for (let n = 2; primes.length < 80; n += 1) if (primes.every((p) => n % p)) primes.push(n);
  const root = (n, degree) => {
    let [low, high] = [0n, 1n << 100n];
    while (low < high) {
      const middle = (low + high + 1n) >> 1n;
      if (middle ** degree <= n) low = middle; else high = middle - 1n;
    }
    return low;
  };
  const K = primes.map((p) => root(BigInt(p) << 192n, 3n) & WORD);
  const START = primes.slice(0, 8).map((p) => root(BigInt(p) << 128n, 2n) & WORD);
  const turn = (n, by) => (n >> by) | ((n << (64n - by)) & WORD);
  const sha512 = (message) => {
    const padded = new Uint8Array(Math.ceil((message.length + 17) / 128) * 128);
    padded.set(message);
    padded[message.length] = 128;
    new DataView(padded.buffer).setUint32(padded.length - 4, message.length * 8);
    const view = new DataView(padded.buffer);
    let state = START;
    for (let at = 0; at < padded.length; at += 128) {
      const w = [];
      for (let i = 0; i < 80; i += 1) {
        if (i < 16) { w.push(view.getBigUint64(at + 8 * i)); continue; }
        const [a, b] = [w[i - 15], w[i - 2]];
        const s0 = turn(a, 1n) ^ turn(a, 8n) ^ (a >> 7n);
        const s1 = turn(b, 19n) ^ turn(b, 61n) ^ (b >> 6n);
        w.push((w[i - 16] + s0 + w[i - 7] + s1) & WORD);
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 80; i += 1) {
        const s1 = turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n);
        const t1 = h + s1 + ((e & f) ^ (~e & WORD & g)) + K[i] + w[i];
        const s0 = turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n);
        const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & WORD, c, b, a, (t1 + t2) & WORD];
      }
      state = [a, b, c, d, e, f, g, h].map((n, i) => (n + state[i]) & WORD);
    }
    const out = new Uint8Array(64);
    state.forEach((n, i) => new DataView(out.buffer).setBigUint64(8 * i, n));
    return out;
  };

  // True when `signature` (64 bytes) is that of `key` (32 bytes) over `message`.
  const verify = (key, signature, message) => {
    if (key.length !== 32 || signature.length !== 64) return false;
    const [r, s] = [signature.slice(0, 32), number(signature.slice(32))];
    const a = point(key);
    if (s >= ORDER || !a) return false;
    const all = new Uint8Array(64 + message.length);
    all.set(r);
    all.set(key, 32);
    all.set(message, 64);
    const k = number(sha512(all)) % ORDER;
    const [x, y, z, t] = a;
    const expected = encoded(add(times(s, BASE), times(k, [mod(-x), y, z, mod(-t)])));
    return expected.every((byte, i) => byte === r[i]);
  };
  return { verify, sha512 };
})();
