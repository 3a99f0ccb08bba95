/* A draft: each field is sent when it is left, and while it is typed at most once a second; the server alone judges.
   Rule 1: what is not stored yet lies in sessionStorage, keyed by the draft, until the server has it.
   Rule 2: what the server understood stands in a field once it is left. One request at a time, in the order of the answers; a field that is being typed in is never written over. */
(function () {
  'use strict';
  var head = document.getElementById('draft'), words = head.dataset, n = words.n, box = document.getElementById('formbox'), saved = document.getElementById('saved');
  var KEY = 'yz-draft-' + location.host + '-' + n, TYPING_MS = 1000, RETRY_MS = 2000;
  var version = 0, shape = '', known = {}, unsent = {}, queue = [], sending = false, timer = 0, composing = false, started = 0, waiting = {};

  function form() { return document.getElementById('form'); }
  function all(selector, within) { return Array.prototype.slice.call((within || box).querySelectorAll(selector)); }
  function wrapper(name) { return all('[data-field]').find(function (each) { return each.dataset.field === name; }); }
  function same(a, b) { return JSON.stringify(a) === JSON.stringify(b); }

  /* -- what stands in a field -- */
  function read(field) {
    var found = { values: [], more: {} };
    all('[data-v]', field).forEach(function (each) {
      if ((each.type === 'radio' || each.type === 'checkbox') && !each.checked) { return; }
      if (each.dataset.v === 'value') { if (each.value !== '') { found.values.push(each.value); } } else { found.more[each.dataset.v] = each.value; }
    });
    return found;
  }
  function write(field, values) {
    all('[data-v="value"]', field).forEach(function (each) {
      if (each.type === 'radio' || each.type === 'checkbox') { each.checked = values.indexOf(each.value) >= 0 || (each.value === '' && !values.length); } else if (each.value !== values.join('\n')) {
        each.value = values.join('\n');
        var datum = field.querySelector('[data-v="datum"]');
        if (datum && values.length) { datum.value = 'WGS84'; } /* what the server has is converted */
      }
    });
    delete waiting[field.dataset.field];
  }
  function begin() {
    version = Number(form().dataset.version); shape = form().dataset.shape; known = {};
    all('[data-field]').forEach(function (each) { known[each.dataset.field] = read(each).values; });
  }

  /* -- kept in this tab until the server has it -- */
  function keep() { try { if (Object.keys(unsent).length) { sessionStorage.setItem(KEY, JSON.stringify(unsent)); } else { sessionStorage.removeItem(KEY); } } catch (error) { /* full or forbidden: the server has it a second later */ } }
  function restore() {
    var kept = {}, found = 0;
    try { kept = JSON.parse(sessionStorage.getItem(KEY)) || {}; } catch (error) { kept = {}; }
    Object.keys(kept).forEach(function (name) {
      var field = wrapper(name);
      if (!field) { return; }
      write(field, kept[name].values);
      all('[data-v]', field).forEach(function (each) { if (each.dataset.v !== 'value' && kept[name].more[each.dataset.v] !== undefined && each.type !== 'radio') { each.value = kept[name].more[each.dataset.v]; } });
      if (!same(known[name], kept[name].values) || Object.keys(kept[name].more).length) { known[name] = kept[name].seen; mark(field); found += 1; }
    });
    if (found) { say(words.restored.replace('{n}', found), 'warn'); send(); }
  }
  function mark(field) {
    var name = field.dataset.field, now = read(field);
    unsent[name] = { values: now.values, more: now.more, seen: known[name] || [] };
    keep();
  }
  function say(text, kind) { saved.className = kind === 'bad' ? 'red' : kind === 'warn' ? 'amb' : 'dim'; saved.querySelector('span').textContent = text; }

  /* -- sent -- */
  function later() { if (!started) { started = Date.now(); } clearTimeout(timer); timer = setTimeout(send, Math.max(0, TYPING_MS - (Date.now() - started))); }
  function send() {
    var name = Object.keys(unsent).find(function (each) { return !unsent[each].conflict; });
    if (sending || !name) { return; }
    clearTimeout(timer); started = 0; sending = true;
    var one = unsent[name], body = new URLSearchParams({ name: name, version: version });
    one.values.forEach(function (each) { body.append('value', each); });
    (one.seen.length ? one.seen : ['']).forEach(function (each) { body.append('seen', each); });
    Object.keys(one.more).forEach(function (each) { body.append(each, one.more[each]); });
    say(words.saving);
    post('fields', body).then(function (state) {
      sending = false;
      if (!state) { return; }
      if (state.theirs) { conflict(name, state); send(); return; }
      if (unsent[name] && same(unsent[name].values, one.values) && same(unsent[name].more, one.more)) { delete unsent[name]; } else if (unsent[name]) { unsent[name].seen = state.values[name] || one.values; }
      keep();
      taken(state, name);
      if (Object.keys(unsent).length) { later(); } else if (queue.length) { queue.shift()(); }
    });
  }
  function post(what, body) {
    return fetch('/drafts/' + n + '/' + what, { method: 'POST', body: body, headers: { 'HX-Request': 'true' }, credentials: 'same-origin' }).then(function (answer) {
      if (answer.headers.get('HX-Redirect')) { say(words.locked, 'bad'); retry(); return null; }
      if ((answer.headers.get('Content-Type') || '').indexOf('json') < 0) { say(words.unsaved, 'bad'); retry(); return null; }
      return answer.json().then(function (state) { if (!answer.ok && !state.theirs) { say(state.sentence, 'bad'); return null; } return state; });
    }).catch(function () { say(words.unsaved, 'bad'); retry(); return null; });
  }
  function retry() { sending = false; clearTimeout(timer); timer = setTimeout(send, RETRY_MS); }

  /* -- answered -- */
  function taken(state, name) {
    var others = 0;
    version = state.version;
    say(words.saved.replace('{at}', state.saved));
    Object.keys(state.values).forEach(function (each) {
      var field = wrapper(each);
      if (!field || unsent[each] || same(known[each], state.values[each])) { return; }
      if (field.contains(document.activeElement) && /^(text|textarea)$/.test(document.activeElement.type)) { waiting[each] = state.values[each]; } else { write(field, state.values[each]); }
      known[each] = state.values[each];
      if (each !== name) { others += 1; }
    });
    if (others && state.merged) { say(words.changed.replace('{n}', others), 'warn'); }
    show('e-', 'has-err', state.faults); show('d-', 'has-doubt', state.doubts);
    var field = wrapper(name), note = field && field.querySelector('[data-notes]');
    if (note) { note.textContent = state.notes.join(' '); }
    document.getElementById('aside').innerHTML = state.aside;
    if (document.getElementById('grade')) { document.getElementById('grade').innerHTML = state.grade; }
    document.dispatchEvent(new CustomEvent('yz-draft', { detail: state }));
    if (state.shape !== shape) { redraw(); }
  }
  function show(prefix, mark_, list) {
    var said = {};
    list.forEach(function (each) { said[each[0]] = (said[each[0]] ? said[each[0]] + '；' : '') + each[1]; });
    all('[id^="' + prefix + '"]').forEach(function (each) {
      var name = each.id.slice(2), text = said[name] || '', inner = each.lastElementChild, field = wrapper(name);
      if (inner) { inner.textContent = text; }
      each.hidden = !text;
      if (field) { field.classList.toggle(mark_, Boolean(text)); all('.in[data-v="value"]', field).forEach(function (one) { if (prefix === 'e-') { if (text) { one.setAttribute('aria-invalid', 'true'); } else { one.removeAttribute('aria-invalid'); } } }); }
    });
  }
  function redraw(after) {
    var at = document.activeElement, id = at && at.id, name = at && at.name, value = at && at.value, open = all('details').map(function (each) { return each.open; });
    return fetch('/drafts/' + n + '/form', { headers: { 'HX-Request': 'true' }, credentials: 'same-origin' }).then(function (answer) { return answer.text(); }).then(function (text) {
      box.innerHTML = text; begin();
      all('details').forEach(function (each, place) { if (open[place]) { each.open = true; } });
      Object.keys(unsent).forEach(function (each) { var field = wrapper(each); if (field) { write(field, unsent[each].values); } });
      var target = id ? document.getElementById(id) : name ? all('[name="' + name + '"]').find(function (one) { return one.value === value; }) : null;
      if (target) { target.focus({ preventScroll: true }); if (target.setSelectionRange && /^(text|textarea)$/.test(target.type)) { target.setSelectionRange(target.value.length, target.value.length); } }
      document.dispatchEvent(new CustomEvent('yz-form'));
      if (after) { after(); }
    });
  }
  function conflict(name, state) {
    var field = wrapper(name), mine = unsent[name].values, note = document.createElement('div');
    unsent[name].conflict = true; version = state.version;
    say(state.sentence, 'bad');
    all('.clash', field).forEach(function (each) { each.remove(); });
    note.className = 'doubt clash'; note.setAttribute('role', 'alert');
    note.appendChild(line(state.sentence));
    note.appendChild(line(words.theirs + '：' + state.theirs.join(' '))); note.appendChild(line(words.mine + '：' + mine.join(' ')));
    note.appendChild(button(words.useTheirs, function () { delete unsent[name]; keep(); write(field, state.theirs); known[name] = state.theirs; note.remove(); send(); }));
    note.appendChild(button(words.useMine, function () { unsent[name] = { values: mine, more: unsent[name].more, seen: state.theirs }; keep(); note.remove(); send(); }));
    field.appendChild(note);
  }
  function line(text) { var made = document.createElement('p'); made.textContent = text; return made; }
  function button(text, act) { var made = document.createElement('button'); made.type = 'button'; made.className = 'btn sm'; made.textContent = text; made.addEventListener('click', act); return made; }
  function when(act) { if (sending || Object.keys(unsent).length) { queue.push(act); send(); } else { act(); } }

  /* -- what a person does -- */
  function changed(target, now) {
    var field = target.closest && target.closest('[data-field]');
    if (!field || !target.dataset || !target.dataset.v) { return; }
    var before = unsent[field.dataset.field];
    if (before && before.conflict) { return; }
    mark(field);
    if (now) { send(); } else { later(); }
  }
  box.addEventListener('compositionstart', function () { composing = true; });
  box.addEventListener('compositionend', function (event) { composing = false; changed(event.target, false); });
  box.addEventListener('input', function (event) { if (!composing && /^(text|textarea)$/.test(event.target.type)) { changed(event.target, false); } });
  box.addEventListener('change', function (event) { changed(event.target, true); });
  box.addEventListener('focusout', function (event) {
    var field = event.target.closest('[data-field]'), name = field && field.dataset.field;
    if (name && waiting[name] && !unsent[name] && !field.contains(event.relatedTarget)) { write(field, waiting[name]); }
    if (Object.keys(unsent).length) { send(); }
  });
  box.addEventListener('submit', function (event) { event.preventDefault(); });
  box.addEventListener('keydown', function (event) { if (event.key === 'Enter' && /^(text|radio|checkbox|select-one)$/.test(event.target.type || '')) { event.preventDefault(); } });
  box.addEventListener('click', function (event) {
    var at = event.target.closest('button');
    if (!at) { return; }
    if (at.dataset.rowAdd || at.dataset.rowRemove) {
      when(function () {
        post('rows', new URLSearchParams(at.dataset.rowAdd ? { add: at.dataset.rowAdd } : { remove: at.dataset.rowRemove })).then(function (state) {
          if (!state) { return; }
          version = state.version; say(words.saved.replace('{at}', state.saved)); document.getElementById('aside').innerHTML = state.aside;
          redraw(function () { var rows = all('[id="f-' + (at.dataset.rowAdd || '') + '"] .onerow'), last = rows[rows.length - 1]; if (last) { last.querySelector('[data-v]').focus(); } });
        });
      });
    }
    if (at.dataset.adopt) { var given = JSON.parse(at.dataset.adopt); Object.keys(given).forEach(function (name) { var field = wrapper(name); if (field) { write(field, [given[name]]); mark(field); } }); at.hidden = true; send(); }
    if (at.dataset.grade) { var field = wrapper('header.grade'), basis = field.querySelector('[data-v="grade_basis"]'); if (basis) { basis.value = at.dataset.basis; } write(field, [at.dataset.grade]); mark(field); send(); }
  });
  document.addEventListener('click', function (event) {
    var link = event.target.closest('#aside a');
    if (!link) { return; }
    var hash = link.getAttribute('href');
    if (hash.charAt(0) === '#') {
      var target = document.getElementById(hash.slice(1));
      if (target) { event.preventDefault(); for (var up = target; up; up = up.parentElement) { if (up.tagName === 'DETAILS') { up.open = true; } } target.scrollIntoView({ block: 'center' }); (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) ? target : target.querySelector('[data-v], button') || target).focus({ preventScroll: true }); }
    } else if (Object.keys(unsent).length || sending) { event.preventDefault(); when(function () { location.assign(hash); }); }
  });
  window.yzDraft = { set: function (name, values, more) { var field = wrapper(name); if (!field) { return; } write(field, values); Object.keys(more).forEach(function (each) { all('[data-v="' + each + '"]', field).forEach(function (one) { one.value = more[each]; }); }); mark(field); send(); }, values: function (name) { return known[name] || []; } };
  begin(); restore();
}());
