/* A detail beside the duty page: a link to an event or a matter opens it here. The page that rings is never unloaded. */
(function () {
  'use strict';
  var panel = document.getElementById('panel');
  if (!panel || !window.DOMParser || !window.history.pushState) { return; }
  var body = panel.querySelector('[data-panel-body]'), whole = panel.querySelector('[data-panel-whole]'), opener = null, asked = 0, loading = null;
  document.body.appendChild(panel); /* the grey of a lost line would move what is fixed inside of main */

  function beside(link) {
    return link && link.origin === location.origin && /^\/(inbox|outbox|matters)\/[^/]+$/.test(link.pathname) && !link.hasAttribute('download') && !link.hasAttribute('data-panel-whole');
  }
  function open(address, how) {
    if (how && history.state && history.state.panel) { history.replaceState({ panel: address }, '', address); } else if (how) { history.pushState({ panel: address }, '', address); }
    panel.hidden = false; document.body.classList.add('has-panel');
    ask(address, {});
  }
  function ask(address, request) {
    var number = asked += 1;
    panel.setAttribute('aria-busy', 'true');
    request.credentials = 'same-origin';
    fetch(address, request).then(function (answer) {
      var now = new URL(answer.url);
      if (/^\/(sign-in|locked)/.test(now.pathname)) { location.assign(now.href); return null; }
      return answer.text().then(function (text) { if (number === asked) { show(text, now); } });
    }).catch(function () { if (number === asked) { fail(); } });
  }
  function show(text, address) {
    var main = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
    if (!main) { location.assign(address.href); return; }
    panel.removeAttribute('aria-busy');
    body.textContent = '';
    while (main.firstChild) { body.appendChild(document.adoptNode(main.firstChild)); }
    whole.href = address.pathname + address.search;
    var head = body.querySelector('h1');
    if (head) { head.setAttribute('tabindex', '-1'); head.focus(); }
    panel.scrollTop = 0;
    if (body.querySelector('[data-spots]')) { needed().then(function () { document.dispatchEvent(new CustomEvent('yz-panel')); }).catch(function () { /* without a map */ }); }
  }
  function fail() {
    var note = document.createElement('p');
    panel.removeAttribute('aria-busy');
    note.className = 'notice bad'; note.setAttribute('role', 'alert'); note.textContent = panel.dataset.failed;
    body.insertBefore(note, body.firstChild); /* what was typed stays */
  }
  function close() {
    asked += 1;
    panel.hidden = true; body.textContent = ''; document.body.classList.remove('has-panel');
    if (opener && document.contains(opener)) { opener.focus(); }
    opener = null;
  }
  /* The map is loaded when it is first needed: the duty page stays small. */
  function needed() {
    loading = loading || panel.dataset.scripts.split(' ').reduce(function (before, address) {
      return before.then(function () {
        return new Promise(function (done, failed) {
          var css = /\.css(\?|$)/.test(address), element = document.createElement(css ? 'link' : 'script');
          element.onload = done; element.onerror = failed;
          if (css) { element.rel = 'stylesheet'; element.href = address; } else { element.src = address; }
          document.head.appendChild(element);
        });
      });
    }, Promise.resolve());
    return loading;
  }

  document.addEventListener('click', function (event) {
    var link = event.target.closest && event.target.closest('a[href]');
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !beside(link)) { return; }
    event.preventDefault();
    if (!panel.contains(link)) { opener = link; }
    open(link.pathname + link.search, true);
  });
  panel.addEventListener('submit', function (event) {
    var form = event.target, fields = new URLSearchParams(new FormData(form)), button = event.submitter;
    if (form.method !== 'post' || form.dataset.sent) { return; }
    event.preventDefault();
    if (button && button.name) { fields.append(button.name, button.value); }
    ask(form.action, { method: 'POST', body: fields });
  });
  panel.querySelector('[data-panel-close]').addEventListener('click', function () { history.back(); });
  window.addEventListener('popstate', function (event) { if (event.state && event.state.panel) { open(event.state.panel, false); } else { close(); } });
  /* Esc closes it; the first Esc of a signature that is being confirmed, or of a text, is theirs. */
  document.addEventListener('keydown', function (event) {
    if (event.key !== 'Escape' || event.isComposing || panel.hidden || document.querySelector('.ask-now')) { return; }
    if (event.target.tagName === 'TEXTAREA' && event.target.value) { event.target.blur(); return; }
    history.back();
  }, true);
}());
