// Keeps the check of receipts on the device: the network first, what was kept when there is none. It keeps the page alone,
// never what somebody checks.
'use strict';
const KEPT = 'periksa-1';
const PAGE = ['/verify', '/assets/style.css', '/assets/icon.svg', '/assets/verify.js', '/assets/ed25519.js'];
const PATIENCE_MS = 4000;

addEventListener('install', (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(PAGE)).then(() => skipWaiting()));
});
addEventListener('activate', (event) => {
  const others = caches.keys().then((names) => Promise.all(names.filter((n) => n !== KEPT).map((n) => caches.delete(n))));
  event.waitUntil(others.then(() => clients.claim()));
});
addEventListener('fetch', (event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (request.method !== 'GET' || !PAGE.includes(pathname)) return;
  event.respondWith((async () => {
    const kept = await caches.open(KEPT);
    const late = new Promise((_, refuse) => setTimeout(() => refuse(new Error('late')), PATIENCE_MS));
    try {
      const answer = await Promise.race([fetch(request), late]);
      if (answer.ok) await kept.put(pathname, answer.clone());
      return answer;
    } catch (error) {
      const answer = await kept.match(pathname);
      if (answer) return answer;
      throw error;
    }
  })());
});
