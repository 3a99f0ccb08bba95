/* One stream for all pages of this browser: HTTP/1.1 allows six connections a host. A page that is new gets what the
   stream said so far: the beat, and the alarms that ring. */
'use strict';
var ports = new Set(), source = null, cards = new Map(), lastState = null, lastBeat = null, opened = 0, failed = 0;
var SILENT_MS = 8000;
function tell(message) { ports.forEach(function (port) { port.postMessage(message); }); }
function take(name, data) {
  failed = 0;
  if (name === 'state') {
    var rings = new Set(data.ringing);
    data.new.forEach(function (card) { cards.set(card.id, card); });
    cards.forEach(function (_card, id) { if (!rings.has(id)) { cards.delete(id); } });
    lastState = data;
  }
  if (name === 'beat') { lastBeat = data; }
  tell({ name: name, data: data });
}
function again() { failed += 1; tell({ name: 'try', data: { n: failed } }); }
function open() {
  if (source) { source.close(); again(); }
  opened = Date.now();
  source = new EventSource('/live');
  /* The browser tries again by itself, but never after an answer that is no stream. */
  source.onerror = function () { again(); if (this.readyState === 2 && this === source) { source = null; } };
  ['state', 'beat', 'end'].forEach(function (name) {
    source.addEventListener(name, function (event) {
      opened = Date.now();
      take(name, JSON.parse(event.data));
      if (name === 'end') { source.close(); source = null; cards.clear(); lastState = null; }
    });
  });
}
/* A stream that is silent is opened anew: after sleep a browser may hold a dead one for minutes. */
setInterval(function () { if (ports.size && (!source || Date.now() - opened > SILENT_MS)) { open(); } }, 2000);
function join(port) {
  ports.add(port);
  port.onmessage = function (event) {
    if (event.data === 'bye') { ports.delete(port); if (!ports.size && source) { source.close(); source = null; cards.clear(); lastState = null; } }
    if (event.data === 'again') { open(); }
  };
  if (!source) { open(); return; }
  if (lastBeat) { port.postMessage({ name: 'beat', data: lastBeat, old: true }); }
  if (lastState) { port.postMessage({ name: 'state', data: Object.assign({}, lastState, { new: Array.from(cards.values()), gone: [] }), old: true }); }
}
self.onconnect = function (event) { join(event.ports[0]); };
