// Gives the citizen's link away: by the phone's own list of programs where there is one, else to the clipboard. The payload
// stands behind # and is sent to no server by opening it.
(() => {
  'use strict';
  const button = document.querySelector('[data-bagikan]');
  const link = document.querySelector('[data-tautan]');
  const news = document.querySelector('[data-dibagikan]');
  const can = navigator.share || (navigator.clipboard && navigator.clipboard.writeText);
  if (!button || !link || !can) return;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const title = document.querySelector('h1').textContent;
    try {
      if (navigator.share) {
        await navigator.share({ title: `${title} Samsat OPOP`, url: link.href });
        return;
      }
      await navigator.clipboard.writeText(link.href);
      news.textContent = 'Tautan sudah disalin. Tempelkan pada pesan kepada warga.';
    } catch (error) {
      if (error.name !== 'AbortError') news.textContent = 'Tautan tidak dapat dibagikan. Buka "Teks bertanda tangan" di bawah dan salin tautannya.';
    }
  });
})();
