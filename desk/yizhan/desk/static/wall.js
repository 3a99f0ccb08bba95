/* The screen on the wall asks every two seconds what rings; after 8 seconds without an answer it says so. */
(function () {
  'use strict';
  var rings = document.getElementById('rings'), lost = document.getElementById('lost'), heard = Date.now(), busy = false;
  var EVERY_MS = 2000, LOST_MS = 8000;
  function show(html) {
    heard = Date.now(); lost.hidden = true; document.body.classList.remove('is-lost');
    if (rings.innerHTML !== html) { rings.innerHTML = html; }
  }
  function look() {
    if (Date.now() - heard > LOST_MS) { lost.hidden = false; document.body.classList.add('is-lost'); }
    if (busy) { return; }
    busy = true;
    var stop = new AbortController(), limit = setTimeout(function () { stop.abort(); }, LOST_MS);
    fetch(rings.dataset.rings, { credentials: 'same-origin', signal: stop.signal })
      .then(function (answer) {
        if (answer.status === 401) { location.reload(); }
        return answer.ok ? answer.text().then(show) : null;
      })
      .catch(function () { /* said above, when it lasts */ })
      .then(function () { clearTimeout(limit); busy = false; });
  }
  setInterval(look, EVERY_MS);
}());
