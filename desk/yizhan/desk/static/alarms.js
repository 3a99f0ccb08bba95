/* The duty page: cards of what rings. A card is signed for in two steps; a double click signs nothing. */
(function () {
  'use strict';
  var yz = window.yz, words = document.body.dataset, list = document.getElementById('alarms'), beyond = document.getElementById('beyond');
  var DEAF_MS = 400, BACK_MS = 20000;

  function cards() { return Array.prototype.slice.call(list.querySelectorAll('.alarm')); }
  function ringing() { return cards().filter(function (each) { return !each.hasAttribute('data-signed'); }); }
  function card(id) { return document.getElementById('alarm-' + id); }
  function confirming() { return list.querySelector('.ask-now'); }
  function made(html) { var template = document.createElement('template'); template.innerHTML = html.trim(); return template.content.firstElementChild; }
  function key(element) { return [Number(element.dataset.drill), Number(element.dataset.grade), element.dataset.at]; }
  function before(a, b) { var x = key(a), y = key(b), i; for (i = 0; i < 3; i += 1) { if (x[i] !== y[i]) { return x[i] < y[i]; } } return false; }

  /* New ones by grade, then age; while one is being confirmed they wait below it, so that nothing moves under a finger. */
  function insert(element) {
    var held = confirming();
    if (held) { list.appendChild(element); return; }
    var next = cards().find(function (each) { return !each.hasAttribute('data-signed') && before(element, each); });
    list.insertBefore(element, next || list.querySelector('[data-signed]'));
  }
  function sort() { if (!confirming()) { ringing().sort(function (a, b) { return before(a, b) ? -1 : 1; }).forEach(function (each) { list.insertBefore(each, list.querySelector('[data-signed]')); }); } }
  function take(state) {
    var rings = new Set(state.ringing), fresh = [];
    state.new.forEach(function (each) {
      if (card(each.id) && !card(each.id).hasAttribute('data-signed')) { return; }
      if (card(each.id)) { card(each.id).remove(); }
      insert(made(each.html)); fresh.push(each);
    });
    if (!state.more) { ringing().forEach(function (each) { if (!rings.has(each.dataset.id)) { ended(each, state.gone.find(function (one) { return one.id === each.dataset.id; })); } }); }
    beyond.hidden = state.count <= state.ringing.length;
    beyond.textContent = beyond.dataset.words.replace('{n}', state.count - state.ringing.length);
    current(); quiet(); ages(fresh.map(function (each) { return card(each.id); }));
  }
  function ended(element, end) {
    var asked = confirming() === element;
    element.classList.remove('ask-now'); element.classList.add('signed'); element.setAttribute('data-signed', '');
    element.querySelector('.do').textContent = end ? end.words : '';
    if (asked) { sort(); }
    setTimeout(function () { element.remove(); quiet(); }, 15000);
  }

  /* -- what is quiet is proven -- */
  var lamps = {};
  function quiet() {
    var some = ringing().length > 0, proven = lamps.line && lamps.receiver && lamps.sound, box = document.getElementById('quiet');
    box.hidden = some;
    box.classList.toggle('unknown', !proven);
    box.querySelector('[data-quiet="ok"]').hidden = !proven; box.querySelector('[data-quiet="unknown"]').hidden = proven;
    if (!proven) { box.querySelector('[data-quiet-why]').textContent = ['lamp-line', 'lamp-in', 'lamp-sound'].map(function (id) { return document.querySelector('#' + id + ' b').textContent; }).join('；'); }
  }
  function ages(some) {
    if (yz.isLost()) { return; }
    (some || ringing()).forEach(function (each) {
      var minutes = 0, next = null, element = each.querySelector('[data-age]');
      each.querySelectorAll('[data-age]').forEach(function (one) { minutes = (yz.now() - Date.parse(one.dataset.age)) / 60000; one.textContent = yz.span(minutes * 60000); });
      var steps = Array.prototype.slice.call(each.querySelectorAll('.lad circle')), path = each.querySelector('.lad .f');
      if (!steps.length || !element) { return; }
      var most = Number(steps[steps.length - 1].dataset.minutes);
      path.setAttribute('d', 'M6 6H' + (6 + 204 * Math.min(1, Math.max(0, minutes / most))).toFixed(1));
      next = steps.find(function (one) { return Number(one.dataset.minutes) > minutes; });
      each.querySelector('[data-next]').textContent = next ? words.next.replace('{left}', yz.span((Number(next.dataset.minutes) - minutes) * 60000)).replace('{rung}', next.dataset.rung) : words.allCalled;
    });
  }

  /* -- signing -- */
  var armed = 0, back = 0;
  function ask(element) {
    if (!element || yz.isLost() || confirming()) { return; }
    if (!element.querySelector('.sign')) { element.querySelector('.do a').focus(); return; }
    element.classList.add('ask-now'); element.querySelector('.outcome').textContent = '';
    element.querySelector('.plainly').hidden = true; element.querySelector('.sign').hidden = false;
    var button = element.querySelector('[data-confirm]');
    button.disabled = true; clearTimeout(armed); clearTimeout(back);
    armed = setTimeout(function () { button.disabled = false; button.focus(); }, DEAF_MS);
    back = setTimeout(function () { var outcome = element.querySelector('.outcome'); release(); outcome.textContent = outcome.dataset.backWords; }, BACK_MS);
  }
  function release() {
    var element = confirming();
    clearTimeout(armed); clearTimeout(back);
    if (!element) { return; }
    element.classList.remove('ask-now');
    sort(); current();
    /* Last: an element that is moved loses the focus. */
    if (element.querySelector('.sign')) { element.querySelector('.sign').hidden = true; element.querySelector('.plainly').hidden = false; element.querySelector('[data-sign]').focus(); }
  }
  function send(form) {
    var element = form.closest('.alarm');
    clearTimeout(back);
    form.querySelectorAll('button').forEach(function (each) { each.disabled = true; });
    fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'HX-Request': 'true' }, credentials: 'same-origin' })
      .then(function (answer) {
        if (answer.headers.get('HX-Redirect')) { location.assign(answer.headers.get('HX-Redirect')); return ''; }
        return answer.text().then(function (text) {
          if (answer.ok || answer.status === 409) {
            var done = made(text);
            element.replaceWith(done); sort(); list.appendChild(done); current(); quiet();
            var first = ringing()[0]; if (first) { (first.querySelector('[data-sign]') || first).focus(); }
            setTimeout(function () { done.remove(); quiet(); }, 15000);
          } else { failed(element, made('<div>' + text + '</div>').textContent.trim()); }
          return '';
        });
      })
      .catch(function () { failed(element, words.stopped); });
  }
  function failed(element, text) {
    if (element.hasAttribute('data-signed')) { return; }
    element.querySelector('.outcome').textContent = text;
    if (confirming() === element) { clearTimeout(back); back = setTimeout(release, BACK_MS); }
    element.querySelectorAll('.sign button').forEach(function (each) { each.disabled = false; });
  }
  list.addEventListener('click', function (event) {
    if (event.target.closest('[data-sign]')) { ask(event.target.closest('.alarm')); }
    if (event.target.closest('[data-back]')) { release(); }
  });
  list.addEventListener('submit', function (event) {
    event.preventDefault();
    if (!event.target.querySelector('[data-confirm]').disabled) { send(event.target); }
  });
  function lost(is) {
    if (is) { release(); } else { list.querySelectorAll('.outcome').forEach(function (each) { each.textContent = ''; }); }
    list.querySelectorAll('[data-rang]').forEach(function (each) { each.textContent = is ? words.rangLost : words.rang; });
    if (is) { list.querySelectorAll('[data-next]').forEach(function (each) { each.textContent = words.nextLost; }); } else { ages(); }
    list.querySelectorAll('[data-sign]').forEach(function (each) { each.disabled = is; each.dataset.words = each.dataset.words || each.innerHTML; each.innerHTML = is ? words.stopped : each.dataset.words; });
  }
  yz.on('lost', lost);

  /* -- keys: J and K go, A signs, Enter confirms (the button has the focus), Esc goes back -- */
  var at = null;
  function current() {
    var all = ringing();
    if (!at || all.indexOf(at) < 0) { at = all[0] || null; }
    all.forEach(function (each) { if (each === at) { each.setAttribute('aria-current', 'true'); } else { each.removeAttribute('aria-current'); } });
  }
  function move(step) {
    var all = ringing(), place = all.indexOf(at) + step;
    if (place >= 0 && place < all.length) { at = all[place]; current(); at.focus(); }
  }
  document.addEventListener('keydown', function (event) {
    if (event.repeat && event.key === 'Enter' && list.contains(event.target)) { event.preventDefault(); return; } /* a key that is held down is one press */
    if (event.key === 'Escape') { release(); return; }
    if (yz.typing(event)) { return; }
    if (event.key === 'j' || event.key === 'J') { move(1); }
    if (event.key === 'k' || event.key === 'K') { move(-1); }
    if (event.key === 'a' || event.key === 'A') { ask(at); }
  });
  yz.on('state', take);
  yz.on('tick', function () { ages(); });
  yz.on('lamps', function (all) { lamps = all; quiet(); });
}());
