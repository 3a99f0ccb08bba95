/* Every page of the desk: the live stream, the lamps, the clock, the sound. What rings is on the duty page (alarms.js).
   Rule 1: times are the server's; a page that hears nothing for 8 seconds says so over its whole width.
   Rule 2: nothing here decides anything: what a page shows comes from the server, what is said goes to the server. */
(function () {
  'use strict';
  var LOST_MS = 8000, SILENT_S = 11, body = document.body, words = body.dataset, listeners = {};
  var offset = 0, began = Date.now(), lastBeat = 0, beat = null, lost = false, lostAt = 0, ringing = 0, port = null, attempts = 0;
  var yz = window.yz = { on: on, say: say, now: now, sound: null, isLost: function () { return lost; } };

  function $(id) { return document.getElementById(id); }
  function on(name, listener) { (listeners[name] = listeners[name] || []).push(listener); }
  function emit(name, data) { (listeners[name] || []).forEach(function (each) { each(data); }); }
  function now() { return Date.now() + offset; }
  function say(text) { $('announce').textContent = text; }
  function two(n) { return n < 10 ? '0' + n : String(n); }
  function span(ms) {
    var s = Math.max(0, Math.floor(ms / 1000)), h = Math.floor(s / 3600), m = Math.floor(s % 3600 / 60);
    return (h ? h + ':' + two(m) : String(m)) + ':' + two(s % 60);
  }
  yz.span = span;

  /* -- the stream -- */
  function connect() {
    if (window.SharedWorker) {
      port = new SharedWorker(words.worker, { name: 'yz-live' }).port;
      port.onmessage = function (event) { take(event.data.name, event.data.data, event.data.old); };
      port.start();
      window.addEventListener('pagehide', function () { port.postMessage('bye'); });
      window.addEventListener('pageshow', function (event) { if (event.persisted) { location.reload(); } });
    } else {
      var source = new EventSource('/live'), failed = 0;
      source.onerror = function () { failed += 1; take('try', { n: failed }); };
      source.onopen = function () { failed = 0; };
      ['state', 'beat', 'end'].forEach(function (name) {
        source.addEventListener(name, function (event) { take(name, JSON.parse(event.data)); });
      });
    }
  }
  function take(name, data, old) {
    if (!old && name !== 'try') { lastBeat = Date.now(); }
    if (name === 'beat') {
      beat = data;
      if (!old) { offset = Date.parse(data.at) - Date.now(); found(); }
      count(data.count); lamps();
    }
    if (name === 'state') {
      if (!old) { found(); }
      count(data.count); data.old = Boolean(old); emit('state', data);
      if (window.htmx) { window.htmx.trigger(body, 'desk-changed'); }
    }
    if (name === 'try') { attempts = data.n; tries(); if (attempts % 4 === 2) { emit('try', data); } return; }
    if (name === 'end') { location.reload(); }
    if (name !== 'state') { emit(name, data); }
  }
  function count(n) {
    ringing = n;
    document.querySelectorAll('[data-ring-count]').forEach(function (each) { each.textContent = n; each.hidden = !n; });
    $('ring').classList.toggle('on', n > 0);
    ringWords(); title();
  }
  function ringWords() {
    var text = !ringing ? words.ringOff : lost ? words.ringLost : words.ringOn;
    document.querySelectorAll('[data-ring-words]').forEach(function (each) { each.textContent = text; });
  }
  var plainTitle = document.title;
  function title() {
    var text = (lost ? words.lostTitle + ' · ' : '') + (ringing ? words.title.replace('{n}', ringing) + ' · ' : '') + plainTitle;
    if (text !== document.title) { document.title = text; }
  }

  /* -- lost and found -- */
  function lose() {
    lost = true; lostAt = lastBeat || began;
    document.querySelectorAll('[data-lost-at]').forEach(function (each) { each.textContent = $('clock').textContent; });
    body.classList.add('is-lost'); $('lost').hidden = false;
    if ($('asof')) { $('asof').hidden = false; }
    tries(); ringWords(); title(); lamps(); emit('lost', true);
  }
  function found() {
    if (!lost) { return; }
    lost = false; attempts = 0; body.classList.remove('is-lost'); $('lost').hidden = true;
    if ($('asof')) { $('asof').hidden = true; }
    ringWords(); title(); lamps(); emit('lost', false);
  }
  function tries() { document.querySelector('[data-tries]').textContent = words.attempt.replace('{n}', Math.max(1, attempts)); }
  function lamp(id, kind, text, small) {
    var element = $(id);
    element.classList.toggle('bad', kind === 'bad'); element.classList.toggle('warn', kind === 'warn');
    element.querySelector('b').textContent = text; element.querySelector('small').textContent = small || '';
  }
  function lamps() {
    var age = Math.round((Date.now() - lastBeat) / 1000), receiver = beat && beat.receiver;
    lamp('lamp-line', lost ? 'bad' : lastBeat ? '' : 'warn', lost ? words.lineBad : words.lineOk, lastBeat ? words.seconds.replace('{n}', age) : '');
    if (lost || !beat) { lamp('lamp-in', 'warn', words.inUnknown); }
    else if (beat.trouble) { lamp('lamp-in', 'bad', words.inBad, beat.trouble); }
    else if (receiver === null) { lamp('lamp-in', 'bad', words.inNever); }
    else { lamp('lamp-in', receiver > SILENT_S ? 'bad' : '', receiver > SILENT_S ? words.inBad : words.inOk, words.seconds.replace('{n}', Math.round(receiver))); }
    lamp('lamp-sound', yz.sound && yz.sound.audible() ? '' : 'bad', yz.sound && yz.sound.audible() ? words.soundOk : words.soundBad, yz.sound && yz.sound.audible() ? '' : words.soundClick);
    emit('lamps', { line: !lost && lastBeat > 0, receiver: !lost && beat && !beat.trouble && receiver !== null && receiver <= SILENT_S, sound: Boolean(yz.sound && yz.sound.audible()) });
  }
  /* A tick that comes late: the machine slept, what is on the screen is old. */
  var ticked = Date.now();
  function tick() {
    var here = Date.now(), slept = here - ticked > LOST_MS;
    ticked = here;
    if (!lost && (here - (lastBeat || began) > LOST_MS || slept)) { lose(); if (port && slept) { port.postMessage('again'); } }
    if (lost) { document.querySelector('[data-lost-for]').textContent = span(here - lostAt); }
    else if (lastBeat) {
      var shown = new Date(now() + 8 * 3600e3);
      $('clock').textContent = two(shown.getUTCHours()) + ':' + two(shown.getUTCMinutes()) + ':' + two(shown.getUTCSeconds());
      $('clock').setAttribute('datetime', new Date(now()).toISOString());
      $('day').textContent = shown.toISOString().slice(0, 10);
    }
    lamps();
    emit('tick');
  }
  setInterval(tick, 1000);

  /* -- sound: two tones for an alarm, another for a lost line, a third for a drill -- */
  function Sound() {
    var context = null, playing = 0;
    function ready() {
      var Context = window.AudioContext || window.webkitAudioContext;
      if (!context && Context) { context = new Context(); context.onstatechange = lamps; }
      return context;
    }
    function tone(at, hertz, seconds, volume) {
      var oscillator = context.createOscillator(), gain = context.createGain();
      oscillator.type = 'square'; oscillator.frequency.value = hertz;
      gain.gain.setValueAtTime(volume, at); gain.gain.setValueAtTime(0, at + seconds);
      oscillator.connect(gain); gain.connect(context.destination);
      oscillator.start(at); oscillator.stop(at + seconds + 0.05);
    }
    this.audible = function () { return Boolean(context && context.state === 'running'); };
    this.open = function () { var it = ready(); return it ? it.resume().then(lamps, lamps) : Promise.resolve(); };
    this.play = function (kind) {
      if (!this.audible() || Date.now() - playing < 1500) { return this.audible(); }
      playing = Date.now();
      var start = context.currentTime + 0.01, tones = { alarm: [880, 660, 880, 660], lost: [330, 262, 330], drill: [523, 0, 523] }[kind];
      tones.forEach(function (hertz, place) { if (hertz) { tone(start + place * 0.25, hertz, 0.22, 0.2); } });
      document.documentElement.setAttribute('data-last-sound', kind + ' ' + Date.now());
      return true;
    };
    ready();
  }
  yz.sound = new Sound();
  yz.sound.open();
  $('lamp-sound').addEventListener('click', function () { yz.sound.open().then(function () { yz.sound.play('drill'); }); });
  document.addEventListener('click', function () { if (!yz.sound.audible()) { yz.sound.open(); } });
  document.addEventListener('keydown', function () { if (!yz.sound.audible()) { yz.sound.open(); } });
  /* One page of this browser sounds: the one that holds the lock. */
  var sounds = !navigator.locks;
  if (navigator.locks) { navigator.locks.request('yz-sound', function () { sounds = true; return new Promise(function () { /* until the page goes */ }); }); }
  yz.ring = function (kind) { return sounds ? yz.sound.play(kind) : yz.sound.audible(); };
  on('lost', function (is) { if (is) { yz.ring('lost'); } });

  /* -- the screen stays on while something may ring -- */
  function awake() {
    if (navigator.wakeLock && document.visibilityState === 'visible') { navigator.wakeLock.request('screen').catch(function () { /* not allowed here */ }); }
  }
  document.addEventListener('visibilitychange', awake);
  awake();

  /* -- keys that every page has -- */
  yz.typing = function (event) {
    var target = event.target;
    return event.isComposing || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
  };
  document.addEventListener('keydown', function (event) {
    if (yz.typing(event)) { return; }
    if (event.key === 'l' || event.key === 'L') { var lock = document.querySelector('[data-lock]'); if (lock) { lock.click(); } }
  });
  document.addEventListener('click', function (event) { if (event.target.closest && event.target.closest('[data-print]')) { window.print(); } });
  document.addEventListener('submit', function (event) {
    /* One submit is one event: the button is deaf once it was pressed. */
    var form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (!form.hasAttribute('data-again')) { form.dataset.sent = '1'; setTimeout(function () { delete form.dataset.sent; }, 5000); }
  });
  /* Not before every script of the page ran: what the stream says first would reach nobody. */
  document.addEventListener('DOMContentLoaded', connect);
}());
