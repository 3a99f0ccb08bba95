/* The self-test: what the desk needs of a browser is tried, and said in words. ES5: it must run where the desk does not. */
(function () {
  'use strict';
  var list = document.getElementById('self-test'), words = list.dataset, verdict = document.getElementById('verdict');
  var states = {}, context = null, LIMIT_MS = 4000, MOMENT = '/self-test/moment';
  function item(name) { return list.querySelector('[data-check="' + name + '"]'); }
  function say(name, good, seconds) {
    var element = item(name), why = element.querySelector('[data-why]'), needed = element.dataset.needed === '1';
    states[name] = good;
    element.className = good ? 'good' : needed ? 'bad' : 'less';
    element.querySelector('[data-state]').textContent = good ? words.good : needed ? words.bad : words.less;
    why.hidden = good;
    if (seconds !== undefined) { why.textContent = why.textContent.replace('{seconds}', seconds); }
    judge();
  }
  function judge() {
    var missing = [], waiting = false;
    Array.prototype.forEach.call(list.children, function (each) {
      var state = states[each.dataset.check];
      if (state === undefined) { waiting = true; }
      if (state === false && each.dataset.needed === '1') { missing.push(each.querySelector('span').textContent); }
    });
    if (waiting && !missing.length) { verdict.textContent = words.waits; return; }
    verdict.className = missing.length ? 'notice bad' : 'notice good';
    verdict.textContent = missing.length ? verdict.dataset.bad + missing.join('；') : verdict.dataset.good;
    if (!waiting) { list.setAttribute('data-done', missing.length ? 'bad' : 'good'); }
  }
  function within(name, begin) {
    var over = false;
    function end(good, seconds) { if (!over) { over = true; say(name, good, seconds); } }
    setTimeout(function () { end(false); }, LIMIT_MS);
    try { begin(end); } catch (error) { end(false); }
  }
  Array.prototype.forEach.call(list.children, function (each) { each.querySelector('[data-state]').textContent = words.waits; });
  say('script', true);
  say('grid', Boolean(window.CSS && CSS.supports && CSS.supports('display', 'grid') && CSS.supports('color', 'var(--a)')));
  within('storage', function (end) { localStorage.setItem('yz-self-test', '1'); end(localStorage.getItem('yz-self-test') === '1'); localStorage.removeItem('yz-self-test'); });
  within('fetch', function (end) {
    fetch(MOMENT, { cache: 'no-store' }).then(function (answer) { return answer.text(); }).then(function (text) { end(text.indexOf('event: moment') >= 0); }, function () { end(false); });
  });
  within('events', function (end) {
    var source = new EventSource(MOMENT), asked = Date.now();
    source.addEventListener('moment', function (event) {
      var now = Date.now(), off = (now + asked) / 2 - Date.parse(event.data), allowed = 2000 + (now - asked) / 2;
      source.close(); end(true); say('clock', Math.abs(off) < allowed, Math.round(off / 1000));
    });
    setTimeout(function () { source.close(); if (states.clock === undefined) { say('clock', false, '?'); } }, LIMIT_MS);
  });
  within('worker', function (end) {
    var worker = new SharedWorker(words.worker);
    worker.onerror = function () { end(false); };
    worker.port.onmessage = function () { end(true); };
    worker.port.start();
  });
  within('sound', function (end) {
    context = new (window.AudioContext || window.webkitAudioContext)();
    context.onstatechange = function () { if (context.state === 'running') { end(true); } };
    context.resume().then(function () { end(context.state === 'running'); }, function () { end(false); });
  });
  within('awake', function (end) {
    navigator.wakeLock.request('screen').then(function (lock) { lock.release(); end(true); }, function () { end(false); });
  });
  document.querySelector('[data-sound]').addEventListener('click', function () {
    if (!context) { return; }
    context.resume().then(function () {
      var oscillator = context.createOscillator(), gain = context.createGain();
      gain.gain.value = 0.2; oscillator.frequency.value = 660;
      oscillator.connect(gain); gain.connect(context.destination);
      oscillator.start(); oscillator.stop(context.currentTime + 0.4);
      say('sound', context.state === 'running');
    });
  });
}());
