/* The editor of a bulletin: figures are picked and stand in the text as chips, every change is kept at once.
   Rule 1: the fields of the form hold the text; the boxes only draw it.
   Rule 2: what could not be stored stays on the page and is said; a text that somebody else changed is never overwritten. */
(function () {
  'use strict';
  var form = document.getElementById('writing'), pick = document.getElementById('pick');
  if (!form || !pick) { return; }
  var saved = document.getElementById('saved'), clash = document.getElementById('clash'), words = form.dataset;
  var last = null, range = null, timer = 0, busy = false, dirty = false, stopped = false, after = null;

  function each(where, selector, what) { Array.prototype.forEach.call(where.querySelectorAll(selector), what); }
  function box(part) { return part.querySelector('.box'); }
  function field(part) { return part.querySelector('textarea'); }
  function textOf(node) {
    if (node.nodeType === 3) { return node.nodeValue.replace(/\u200b/g, '').replace(/\u00a0/g, ' '); }
    if (node.nodeName === 'BR') { return '\n'; }
    if (node.dataset && node.dataset.fig) { return '{{' + node.dataset.fig + '}}'; }
    var text = Array.prototype.map.call(node.childNodes, textOf).join('');
    return (node.nodeName === 'DIV' || node.nodeName === 'P') && node.previousSibling ? '\n' + text : text;
  }
  function read(part) { return Array.prototype.map.call(box(part).childNodes, textOf).join('').replace(/\n$/, ''); }
  function sync() {
    each(form, '.part', function (part) {
      var now = read(part);
      if (field(part).value.replace(/\r\n/g, '\n') !== now) { field(part).value = now; }
    });
  }
  function changed() { dirty = true; clearTimeout(timer); timer = setTimeout(save, 900); }

  /* -- keep -- */
  function save(name, value) {
    clearTimeout(timer);
    if (stopped) { return; }
    if (busy) { after = [name, value]; return; }
    sync();
    var body = new URLSearchParams(new FormData(form));
    if (name) { body.append(name, value); }
    var sent = body.toString();
    busy = true; dirty = false; saved.textContent = words.saving;
    fetch(form.action, { method: 'POST', headers: { 'HX-Request': 'true', 'Content-Type': 'application/x-www-form-urlencoded' }, body: sent, redirect: 'error' })
      .then(function (answer) {
        if (answer.ok) { return answer.json().then(function (data) { take(data, Boolean(name)); }); }
        return answer.text().then(function (html) { refuse(answer.status, html); });
      })
      .catch(function () { dirty = true; saved.textContent = words.failed; timer = setTimeout(save, 5000); })
      .then(function () {
        busy = false;
        if (after) { var next = after; after = null; save(next[0], next[1]); }
      });
  }
  function refuse(status, html) {
    dirty = true; stopped = status === 409; clash.innerHTML = html;
    saved.textContent = words.refused.replace(/[：:]\s*$/, '');
    clash.scrollIntoView();
  }
  function take(data, drawn) {
    if (data.whole) { location.reload(); return; }
    each(document, '[data-seen]', function (input) { input.value = data.seen; });
    clash.textContent = '';
    Object.keys(data.parts).forEach(function (name) {
      var part = form.querySelector('[data-part="' + name + '"]'), now = data.parts[name];
      if (!part) { return; }
      part.querySelector('[data-count]').textContent = now.length;
      var active = document.activeElement, writing = active === box(part) || (box(part) === last && pick.contains(active));
      if (drawn || !writing) {
        if (drawn || read(part) === now.text) { field(part).value = now.text; box(part).innerHTML = now.html; }
      }
      var doubts = part.querySelector('[data-doubts]'), here = doubts.contains(document.activeElement);
      if (drawn || !here) { doubts.innerHTML = now.doubts; }
      if (drawn && here) { box(part).focus(); }
    });
    document.getElementById('kept').innerHTML = data.kept;
    document.getElementById('notes').innerHTML = data.notes;
    document.getElementById('paper').innerHTML = data.preview;
    if (!dirty) { saved.textContent = words.saved.replace('{at}', data.saved); }
  }

  /* -- boxes and figures -- */
  each(form, '.part', function (part) {
    field(part).hidden = true; box(part).hidden = false;
    if (box(part).contentEditable !== 'plaintext-only') { box(part).contentEditable = 'true'; }
    box(part).addEventListener('input', changed);
    box(part).addEventListener('blur', function () { if (dirty) { save(); } });
    box(part).addEventListener('paste', function (event) {
      event.preventDefault();
      document.execCommand('insertText', false, event.clipboardData.getData('text/plain'));
    });
    box(part).addEventListener('drop', function (event) { event.preventDefault(); });
  });
  each(form, '.noscript', function (part) { part.hidden = true; });
  // A browser tells of a new caret a little later: whatever leaves the text looks for itself first.
  function remember() {
    var now = document.getSelection();
    if (!now.rangeCount) { return; }
    var node = now.getRangeAt(0).startContainer, found = (node.nodeType === 1 ? node : node.parentNode).closest('.box[contenteditable]');
    if (found && form.contains(found)) { last = found; range = now.getRangeAt(0).cloneRange(); mark(); }
  }
  document.addEventListener('selectionchange', remember);
  function mark() { each(form, '.box', function (one) { one.classList.toggle('on', one === last); }); }
  function insert(button) {
    var target = last || form.querySelector('.box'), chip = document.createElement('span'), value = document.createElement('b');
    chip.className = 'fig'; chip.contentEditable = 'false'; chip.dataset.fig = button.dataset.pick;
    chip.appendChild(document.createTextNode(button.firstChild.nodeValue));
    value.textContent = button.querySelector('b').textContent; chip.appendChild(value);
    target.focus();
    var here = range && target.contains(range.startContainer) ? range : document.createRange();
    if (here !== range) { here.selectNodeContents(target); here.collapse(false); }
    var inside = (here.startContainer.nodeType === 1 ? here.startContainer : here.startContainer.parentNode).closest('.fig, .bad-fig');
    if (inside && target.contains(inside)) { here.setStartAfter(inside); here.collapse(true); }
    here.deleteContents(); here.insertNode(chip);
    if (!chip.nextSibling || chip.nextSibling.nodeType !== 3) { chip.after(document.createTextNode('\u200b')); }
    here.setStart(chip.nextSibling, chip.nextSibling.nodeValue.charAt(0) === '\u200b' ? 1 : 0); here.collapse(true);
    var selection = document.getSelection();
    selection.removeAllRanges(); selection.addRange(here);
    range = here.cloneRange(); last = target; mark(); changed();
  }
  pick.addEventListener('mousedown', function (event) { remember(); if (event.target.closest('button')) { event.preventDefault(); } });
  pick.addEventListener('click', function (event) {
    var button = event.target.closest('[data-pick]');
    if (button) { insert(button); }
  });
  var all = document.getElementById('all'), filter = document.getElementById('filter');
  function shown() { return Array.prototype.filter.call(all.querySelectorAll('[data-pick]'), function (one) { return !one.hidden; }); }
  filter.addEventListener('input', function () {
    var wanted = filter.value.trim();
    each(all, '[data-pick]', function (one) { one.hidden = one.textContent.indexOf(wanted) < 0; });
  });
  filter.addEventListener('keydown', function (event) {
    if (event.isComposing) { return; }
    if (event.key === 'Enter') { event.preventDefault(); if (shown().length) { insert(shown()[0]); filter.value = ''; each(all, '[data-pick]', function (one) { one.hidden = false; }); } }
    if (event.key === 'ArrowDown' && shown().length) { event.preventDefault(); shown()[0].focus(); }
    if (event.key === 'Escape' && last) { last.focus(); }
  });
  document.addEventListener('keydown', function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') { event.preventDefault(); remember(); all.open = true; filter.focus(); }
  });

  /* -- what is asked, and what leaves the page -- */
  form.addEventListener('click', function (event) {
    var button = event.target.closest('button[name]');
    if (!button) { return; }
    event.preventDefault();
    if (button.name === 'add') { save('add', '1'); } else { save(button.name, button.value); }
  });
  form.addEventListener('submit', function (event) { event.preventDefault(); save(); });
  document.getElementById('office').addEventListener('submit', function (event) {
    if (!dirty && !busy) { return; }
    event.preventDefault(); event.stopPropagation(); save();
    var wait = setInterval(function () { if (!busy && !dirty) { clearInterval(wait); event.target.submit(); } }, 100);
    setTimeout(function () { clearInterval(wait); }, 10000);
  }, true);
  window.addEventListener('beforeunload', function (event) { if (dirty && !stopped) { event.preventDefault(); event.returnValue = words.leaveWords; } });
}());
