/* What every page does while alarms ring: sound, spoken words, the bar above the page, and the word that this browser
   listens. The duty page shows the cards themselves (alarms.js); a locked page kind, county and age only. */
(function () {
  'use strict';
  var yz = window.yz, words = document.body.dataset, bar = document.getElementById('ringing'), known = {}, told = '', filled = -1, unreported = [], reporting = 0;
  var AGAIN_MS = 8000, REPORT_MS = 20000;

  function rings() { return Object.keys(known).map(function (id) { return known[id]; }); }
  function kind() { return rings().every(function (each) { return each.drill; }) ? 'drill' : 'alarm'; }
  yz.on('state', function (state) {
    var here = new Set(state.ringing), fresh = state.new.filter(function (each) { return !known[each.id]; });
    if (!state.more) { Object.keys(known).forEach(function (id) { if (!here.has(id)) { delete known[id]; } }); }
    state.new.forEach(function (each) { known[each.id] = each; });
    if (fresh.length) {
      var heard = yz.ring(fresh.every(function (each) { return each.drill; }) ? 'drill' : 'alarm');
      if (!state.old || document.getElementById('alarms')) { yz.say(words.said.replace('{what}', fresh.slice(0, 3).map(function (each) { return each.say; }).join('；'))); }
      requestAnimationFrame(function () {
        fresh.forEach(function (each) { unreported.push(each.id); });
        if (!reporting) { reporting = setTimeout(function () { reporting = 0; yz.report(unreported.splice(0), heard); }, 200); }
      });
    }
    if (filled >= 0) { filled += fresh.length; if (!state.more) { yz.filled(filled); filled = -1; } }
    draw();
  });
  yz.on('lost', function (is) { filled = is ? -1 : 0; });
  yz.on('try', function () { /* a session that ended meanwhile has no stream: the answer says where to go */ yz.report([], false); });
  yz.on('end', function () { known = {}; });

  /* -- the bar: the gravest first, real ones before exercises -- */
  function draw() {
    if (!bar) { return; }
    var all = rings().sort(function (a, b) { return (a.drill - b.drill) || ((a.grade || 9) - (b.grade || 9)) || (a.at < b.at ? -1 : 1); });
    bar.hidden = !all.length;
    if (!all.length) { return; }
    bar.classList.toggle('is-drill', all[0].drill);
    bar.querySelector('[data-first]').textContent = all[0].say;
    bar.querySelector('[data-first-age]').textContent = yz.span(yz.now() - Date.parse(all[0].at));
  }
  yz.on('tick', draw);
  yz.filled = function (n) {
    var note = document.createElement('p');
    note.className = 'notice good'; note.setAttribute('role', 'status'); note.textContent = words.filled.replace('{n}', n);
    document.getElementById('main').insertBefore(note, document.getElementById('main').firstChild);
    setTimeout(function () { note.remove(); }, 10000);
  };

  /* -- this page is a channel of the bell while it says so; its name stays as long as the tab is open -- */
  function name() {
    var found = null;
    try { found = sessionStorage.getItem('yz-console'); } catch (refused) { found = name.made; }
    if (!found) {
      found = Array.from(crypto.getRandomValues(new Uint8Array(16)), function (each) { return ('0' + each.toString(16)).slice(-2); }).join('');
      name.made = found;
      try { sessionStorage.setItem('yz-console', found); } catch (refused) { /* the name holds for this page */ }
    }
    return found;
  }
  yz.report = function (ids, heard) {
    var form = new URLSearchParams();
    form.append('console', name());
    ids.forEach(function (id) { form.append('shown', id); });
    form.append('audible', heard ? '1' : '0');
    fetch('/console', { method: 'POST', body: form, headers: { 'HX-Request': 'true' }, credentials: 'same-origin' })
      .then(function (answer) {
        var to = answer.headers.get('HX-Redirect');
        if (to) { location.assign(to); return; }
        /* The list of channels is told that this page listens. */
        if (!yz.listens && window.htmx) { yz.listens = true; window.htmx.trigger(document.body, 'desk-changed'); }
      })
      .catch(function () { /* the line is lost: that is said elsewhere */ });
  };
  document.addEventListener('click', function (event) {
    if (event.target.closest('[data-try-sound]')) { yz.sound.open().then(function () { yz.report([], yz.sound.play('drill')); }); }
  });
  setInterval(function () { if (!yz.isLost()) { yz.report([], yz.sound.audible()); } }, REPORT_MS);
  setInterval(function () { if (!yz.isLost() && rings().length) { yz.ring(kind()); } }, AGAIN_MS);
  /* The first word: once the line is known to be good, and again whenever the sound changes. */
  yz.on('lamps', function (all) { if (all.line && told !== String(all.sound)) { told = String(all.sound); yz.report([], all.sound); } });
}());
