// What a journey asks a page: sent along with every question, leaves nothing behind.
const squeeze = (text) => (text || '').replace(/\s+/g, ' ').trim();
const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getBoundingClientRect().width > 1;
const called = (e) => squeeze(e.getAttribute('aria-label') || (e.labels && e.labels.length ? e.labels[0].innerText : '') || e.innerText || e.value);
const acts = () => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, select, summary')].filter(seen);
const find = (wanted) => acts().find((e) => called(e) === wanted) || acts().find((e) => called(e).startsWith(wanted));
const words = () => squeeze(document.body ? document.body.innerText : '');
const says = (wanted) => words().includes(wanted);
// Everything that a person can come to read, also what is read out; but not what is marked as code.
const everything = () => {
  const text = [...document.querySelectorAll('code')].reduce((all, e) => all.replace(squeeze(e.innerText) || ' ', ' '), words());
  const told = ['aria-label', 'placeholder', 'title', 'alt'].flatMap((name) =>
    [...document.querySelectorAll(`[${name}]`)].map((e) => e.getAttribute(name)));
  return [document.title, text, ...told].join(' | ');
};
// Where to put a finger; null while it is not there or something lies over it.
const spot = (wanted) => {
  const e = find(wanted);
  if (!e || e.disabled) return null;
  e.scrollIntoView({ block: 'center', behavior: 'instant' });
  const box = e.getClientRects()[0];
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  return top && (e.contains(top) || top.contains(e)) ? { x, y } : null;
};
// The same, once it has stopped moving: nobody presses what has just come up.
const steady = async (wanted) => {
  for (let last; ;) {
    const now = spot(wanted);
    if (now && last && now.x === last.x && now.y === last.y) return now;
    last = now;
    await new Promise((done) => setTimeout(done, 100));
  }
};
// The focused element as an eye finds it.
const focused = () => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const [box, style] = [e.getBoundingClientRect(), getComputedStyle(e)];
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const top = document.elementFromPoint(box.left + box.width / 2, Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 1));
  const free = !top || e.contains(top) || top.contains(e);
  return { name: called(e), tag: e.tagName, kind: e.type || '', value: e.value || '', ring, inside, free };
};
// Looks whenever the page changes; for what changes no node, now and then.
const when = (holds) => new Promise((done) => {
  const look = () => {
    let yes = false;
    try { yes = holds(); } catch { /* not yet */ }
    if (!yes) return;
    watch.disconnect();
    clearInterval(beat);
    done(true);
  };
  const watch = new MutationObserver(look);
  watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const beat = setInterval(look, 100);
  look();
});
