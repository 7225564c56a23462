// The counter's script: everything works without it. It adds the promise on a bad link (an outbox on this device), follows
// an open payment, reckons the change while one types, and keeps a second tap from sending twice.
(() => {
  'use strict';
  const outlet = document.body.dataset.loket;
  const BOX = `loket.kotak.${outlet}`;
  const FIRST_MS = 3000;
  const LONGEST_MS = 30000;
  const STORE_MS = 2000;
  const all = (selector) => document.querySelectorAll(selector);
  const one = (selector) => document.querySelector(selector);

  // The outbox: key, quote and amount, on the disk before anything is sent. Without storage the form itself is all there is.
  const box = async (mode, work) => {
    const base = await new Promise((done, failed) => {
      const opening = indexedDB.open(BOX, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('kotak', { keyPath: 'tagihan' });
      opening.onsuccess = () => done(opening.result);
      opening.onerror = opening.onblocked = () => failed(opening.error);
    });
    try {
      return await new Promise((done, failed) => {
        const act = base.transaction('kotak', mode, { durability: 'strict' });
        const asked = work(act.objectStore('kotak'));
        act.oncomplete = () => done(asked.result);
        act.onerror = act.onabort = () => failed(act.error);
      });
    } finally { base.close(); }
  };
  // A device that keeps nothing, or hangs over it, stops no payment: the server knows the key of every quote.
  const orGiveUp = (work, otherwise) => Promise.race([
    work.catch(() => otherwise),
    new Promise((done) => setTimeout(done, STORE_MS, otherwise)),
  ]);
  const read = () => orGiveUp(box('readonly', (kept) => kept.getAll()), []);
  const keep = (entry) => orGiveUp(box('readwrite', (kept) => kept.put(entry)));
  const drop = (tagihan) => orGiveUp(box('readwrite', (kept) => kept.delete(tagihan)));

  const ask = (url, headers) => fetch(url, { headers, credentials: 'same-origin', cache: 'no-store', redirect: 'follow' });
  const fateOf = async (tagihan) => {
    const answer = await ask(`/tagihan/${tagihan}/nasib`, { accept: 'application/json' });
    if (answer.redirected) return { keluar: true };
    if (answer.status === 404) return { nasib: 'bukan-di-sini', selesai: true };
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };

  // Sends a payment. A lost answer is not a failure: the same key is asked about until the truth is known.
  const send = async (form) => {
    const news = form.querySelector('[data-kabar]');
    const button = form.querySelector('button[type=submit]');
    const { tagihan, nopol, jumlah } = form.dataset;
    if (form.dataset.dikirim) return;
    form.dataset.dikirim = 'ya';
    button.disabled = true;
    const sent = { tagihan, nopol, jumlah, kunci: form.elements.kunci.value, pada: Date.now() };
    await keep(sent);
    news.textContent = 'Sedang dikirim. Mohon tunggu…';
    let wait = 1000;
    for (;;) {
      try {
        const body = new URLSearchParams(new FormData(form));
        const answer = await fetch(form.action, { method: 'POST', body, credentials: 'same-origin', redirect: 'follow' });
        if (answer.redirected) {
          await keep({ ...sent, ke: new URL(answer.url).pathname });
          location.assign(answer.url);
          return;
        }
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        if (!page.querySelector('[data-ulangi]')) { show(page); return; }
        news.textContent = 'Sistem belum dapat menjawab. Simpan uangnya; sedang dicoba lagi dengan kunci yang sama…';
      } catch {
        news.textContent = 'Jaringan terputus. Simpan uangnya; sedang dicoba lagi dengan kunci yang sama…';
      }
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 2, 15000);
    }
  };
  const show = (page) => {
    document.title = page.title;
    one('main').replaceWith(page.querySelector('main'));
    wire(one('main'));
    one('main').focus();
    outbox();
  };

  // What this device has sent and not seen the end of: shown at once, so that nothing moves under a finger later; asked then.
  const outbox = async () => {
    const place = one('[data-kotak]');
    if (!place) return;
    const here = location.pathname;
    const entries = (await read()).filter((e) => here !== `/tagihan/${e.tagihan}/konfirmasi`);
    const told = new Map();
    const tell = () => {
      const left = entries.filter((e) => here !== e.ke && told.get(e.tagihan) !== null);
      place.replaceChildren(made('p', made('strong', 'Belum terjawab')), ...left.map((entry) => {
        const fate = told.get(entry.tagihan);
        const link = made('a', made('strong', `${entry.nopol} ${entry.jumlah}`), made('small', ` ${FATES[fate ? fate.nasib : 'ditanyakan'] || ''}`));
        link.href = (fate && fate.ke) || `/tagihan/${entry.tagihan}/nasib`;
        return made('p', link);
      }));
      place.hidden = left.length === 0;
    };
    tell();
    for (const entry of entries) {
      let fate;
      try { fate = await fateOf(entry.tagihan); } catch { fate = { nasib: 'belum-terjawab' }; }
      if (fate.keluar) return;
      if (fate.selesai && (here === fate.ke || fate.nasib === 'bukan-di-sini')) await drop(entry.tagihan);
      told.set(entry.tagihan, here === fate.ke || fate.nasib === 'bukan-di-sini' ? null : fate);
      tell();
    }
    place.dataset.tuntas = 'ya';
  };
  const FATES = {
    'ditanyakan': 'sedang ditanyakan…',
    'sampai': 'sudah sampai, lihat hasilnya',
    'ditolak': 'ditolak, lihat apa yang harus dilakukan',
    'tidak-sampai': 'tidak pernah sampai, putuskan dahulu',
    'belum-terjawab': 'belum dapat ditanyakan, jaringan terputus',
  };
  const made = (tag, ...inside) => {
    const element = document.createElement(tag);
    element.append(...inside);
    return element;
  };

  // Follows an open payment: three seconds, then less and less often; at once when the page is looked at again.
  const follow = (mark) => {
    let wait = FIRST_MS;
    let timer;
    const look = async () => {
      try {
        const answer = await ask(mark.dataset.ikuti, { accept: 'application/json', 'if-none-match': mark.dataset.etag });
        if (answer.redirected || (answer.ok && answer.status !== 304)) { location.reload(); return; }
      } catch { /* asked again */ }
      wait = Math.min(wait * 1.5, LONGEST_MS);
      timer = setTimeout(look, wait);
    };
    timer = setTimeout(look, wait);
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      clearTimeout(timer);
      wait = FIRST_MS;
      look();
    });
  };

  const rupiah = (amount) => `Rp${String(amount).replace(/\B(?=(\d{3})+$)/g, '.')}`;
  const change = (form) => {
    const total = Number(form.dataset.kembalian);
    const told = form.querySelector('#kembalian');
    form.elements.uang.addEventListener('input', () => {
      const cash = Number(form.elements.uang.value.replace(/[^0-9]/g, ''));
      told.className = cash < total ? 'quiet' : '';
      told.textContent = !cash ? '' : cash < total ? `Kurang ${rupiah(total - cash)}` : `Kembalian ${rupiah(cash - total)}`;
    });
  };

  const wire = (root) => {
    const within = (selector) => root.querySelectorAll(selector);
    for (const form of within('form[data-bayar]')) {
      form.addEventListener('submit', (event) => { event.preventDefault(); send(form); });
    }
    for (const form of within('form[data-sekali]')) {
      form.addEventListener('submit', (event) => {
        if (form.dataset.dikirim) { event.preventDefault(); return; }
        form.dataset.dikirim = 'ya';
        const button = form.querySelector('button');
        form.dataset.kata = button.textContent;
        button.textContent = form.dataset.sekali || button.textContent;
      });
    }
    for (const form of within('form[data-kembalian]')) change(form);
    for (const mark of within('[data-ikuti]')) follow(mark);
    for (const mark of within('[data-selesai]')) drop(mark.dataset.selesai);
    for (const button of within('[data-cetak]')) {
      button.hidden = false;
      button.addEventListener('click', () => window.print());
    }
  };
  wire(document);
  // A page brought back by the browser may have sent its form already: it may send again, the key is the same.
  addEventListener('pageshow', () => {
    for (const form of all('form[data-dikirim]')) {
      delete form.dataset.dikirim;
      for (const button of form.querySelectorAll('button')) {
        button.disabled = false;
        if (form.dataset.kata) button.textContent = form.dataset.kata;
      }
    }
    outbox();
  });
  const offline = one('[data-putus]');
  const line = () => { if (offline) offline.hidden = navigator.onLine; if (navigator.onLine) outbox(); };
  addEventListener('online', line);
  addEventListener('offline', line);
  if (offline && !navigator.onLine) line();
})();
