// The public check. Everything that proves a receipt happens here, on the device: the signature by the browser's own Ed25519
// where it has one, else by ours. The server is asked only what no paper can know: whether it was taken back since.
(() => {
  'use strict';
  const main = document.querySelector('main');
  const form = document.querySelector('form');
  const field = form.elements.payload;
  const result = document.getElementById('hasil');
  const news = form.querySelector('[data-kabar]');
  const LONGEST = 4096;
  const PATIENCE_MS = 8000;

  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const ascii = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  // base64url without padding, and only the one spelling of those bytes.
  const unpacked = (text) => {
    const data = bytes(text.replace(/-/g, '+').replace(/_/g, '/'));
    const again = btoa(String.fromCharCode(...data)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    if (again !== text) throw new Error('spelling');
    return data;
  };

  const signed = async (message, signature) => {
    const key = bytes(main.dataset.kunci);
    let own;
    try {
      own = await crypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
    } catch {
      return Ed25519.verify(key, signature, message);
    }
    return crypto.subtle.verify({ name: 'Ed25519' }, own, signature, message);
  };

  // What a payload says, or null when our key has not signed exactly this.
  const read = async (payload) => {
    try {
      const [prefix, body, signature, ...more] = payload.split('.');
      if (payload.length > LONGEST || prefix !== 'SOPOP1' || more.length) return null;
      if (!await signed(ascii(`${prefix}.${body}`), unpacked(signature))) return null;
      const text = new TextDecoder('utf-8', { fatal: true }).decode(unpacked(body));
      const facts = JSON.parse(text);
      return JSON.stringify(facts) === text && (facts.kind === 'LUNAS' || facts.kind === 'TITIP') ? facts : null;
    } catch {
      return null;
    }
  };

  const MONTHS = 'Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember'.split(' ');
  const day = (date) => { const [y, m, d] = date.split('-').map(Number); return `${d} ${MONTHS[m - 1]} ${y}`; };
  const moment = (at) => `${day(at.slice(0, 10))} ${at.slice(11, 13)}.${at.slice(14, 16)} WIB`;
  const rupiah = (amount) => `Rp${String(amount).replace(/\B(?=(\d{3})+$)/g, '.')}`;
  const plate = (text) => text.replace(/^(\p{L}{1,2})(\d{1,4})(\p{L}*)$/u, '$1 $2 $3').trim();
  const numberOf = { BAPENDA: 'NTPD', JASA_RAHARJA: 'Nomor sertifikat Jasa Raharja' };

  const content = (facts) => {
    const pairs = [
      ['Jenis bukti', `BUKTI ${facts.kind}`],
      ['Nomor bukti', facts.receipt_no],
      ['Nomor polisi', plate(facts.plate)],
      ['Jumlah', rupiah(facts.amount)],
      ['Uang diterima', moment(facts.taken_at)],
      ['Gerai', facts.agent_code],
      ...facts.legs.filter((leg) => leg.number).map((leg) => [numberOf[leg.authority] || 'Nomor', leg.number]),
    ];
    if (facts.next_due_on) pairs.push(['Jatuh tempo berikutnya', day(facts.next_due_on)]);
    const list = document.createElement('dl');
    for (const [name, value] of pairs) {
      const [term, words] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = name;
      words.textContent = value;
      list.append(term, words);
    }
    return list;
  };

  // The words stand in the page, so that script and server say the same.
  const words = (name) => {
    const template = [...document.querySelectorAll('template[data-putusan]')].find((t) => t.dataset.putusan === name);
    return template.content.cloneNode(true);
  };
  const show = (verdict, facts, note) => {
    result.replaceChildren(words(verdict), ...(note ? [words(note)] : []), ...(facts ? [content(facts)] : []));
    result.dataset.putusan = note ? `${verdict} ${note}` : verdict;
    result.hidden = false;
  };

  const statusOf = async (payload) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
    try {
      const answer = await fetch('/v1/receipts/verify', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ payload }),
        credentials: 'omit',
        signal: stop.signal,
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const said = await answer.json();
      if (!said.valid) throw new Error('other key');
      return said.status;
    } finally {
      clearTimeout(timer);
    }
  };

  // What people copy: with line breaks, in quotation marks, or the whole share link. The server reads it the same way.
  const pasted = (text) => {
    const bare = text.replace(/\s+/g, '').replace(/^["'`“”„‘’‚«»]+|["'`“”„‘’‚«»]+$/g, '');
    const link = /^https?:\/\/[^#]*#(.*)$/i.exec(bare);
    return link ? link[1] : bare;
  };

  let turn = 0;
  let last = '';
  const check = async (text) => {
    const payload = pasted(text);
    const mine = turn += 1;
    last = payload;
    const facts = await read(payload);
    if (mine !== turn) return;
    if (!facts) { show('TIDAK-SAH'); result.focus(); return; }
    const genuine = `${facts.kind}-ASLI`;
    show(genuine, facts, 'bertanya');
    result.focus();
    let verdict;
    try { verdict = `${facts.kind}-${await statusOf(payload)}`; } catch { verdict = null; }
    if (mine !== turn) return;
    if (verdict) show(verdict, facts); else show(genuine, facts, 'tanpa-jaringan');
  };
  const given = (text) => { field.value = text; news.textContent = ''; check(text); };

  form.addEventListener('submit', (event) => { event.preventDefault(); check(field.value); });
  addEventListener('online', () => { if (last && result.dataset.putusan.includes('tanpa-jaringan')) check(last); });
  const fromLink = () => {
    const text = decodeURIComponent(location.hash.slice(1));
    if (text.startsWith('SOPOP1.')) given(text);
  };
  addEventListener('hashchange', fromLink);
  fromLink();

  // Camera and pictures, where the browser itself can read a QR.
  const scanner = async () => {
    if (!('BarcodeDetector' in self)) return;
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (!formats.includes('qr_code')) return;
    const detector = new BarcodeDetector({ formats: ['qr_code'] });
    const seen = async (source) => (await detector.detect(source)).map((code) => code.rawValue);
    pictures(seen);
    if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) camera(seen);
  };
  const pictures = (seen) => {
    form.querySelector('[data-gambar]').hidden = false;
    form.elements.gambar.addEventListener('change', async (event) => {
      const [file] = event.target.files;
      if (!file) return;
      try {
        const [text] = await seen(await createImageBitmap(file));
        if (text) given(text); else news.textContent = 'Tidak ada QR yang terbaca pada gambar itu. Coba gambar yang lebih jelas.';
      } catch {
        news.textContent = 'Gambar itu tidak dapat dibuka.';
      }
    });
  };
  const camera = (seen) => {
    const button = form.querySelector('[data-pindai]');
    const video = form.querySelector('[data-kamera]');
    let stream;
    const stop = () => {
      if (stream) for (const track of stream.getTracks()) track.stop();
      stream = null;
      video.srcObject = null;
      video.hidden = true;
      button.textContent = 'Pindai dengan kamera';
    };
    const look = async () => {
      if (!stream) return;
      try {
        const [text] = await seen(video);
        if (text) { stop(); given(text); return; }
      } catch { /* the first picture is not there yet */ }
      setTimeout(look, 200);
    };
    button.hidden = false;
    button.addEventListener('click', async () => {
      if (stream) { stop(); return; }
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      } catch {
        news.textContent = 'Kamera tidak dapat dipakai. Tempelkan teks bertanda tangan dari bukti.';
        return;
      }
      video.srcObject = stream;
      video.hidden = false;
      button.textContent = 'Hentikan kamera';
      news.textContent = 'Arahkan kamera ke QR pada bukti.';
      await video.play();
      look();
    });
    addEventListener('pagehide', stop);
  };
  scanner();

  if ('serviceWorker' in navigator) {
    navigator.serviceWorker.register('/verify/kerja.js', { scope: '/verify' }).catch(() => { /* the page works while it is open */ });
  }
})();
