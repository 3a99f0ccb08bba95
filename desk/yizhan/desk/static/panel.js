/* An item beside the duty page, which stays loaded: a link to an item opens the panel, Esc closes it. */
(function () {
  'use strict';
  var panel = document.getElementById('panel'), body = document.getElementById('panel-body'), from = null;
  function close() {
    if (panel.hidden) { return; }
    panel.hidden = true; body.textContent = '';
    if (from && document.contains(from)) { from.focus(); }
  }
  document.addEventListener('click', function (event) {
    var link = event.target.closest && event.target.closest('#main a[href^="/inbox/"]');
    if (!link || panel.contains(link) || event.button || event.ctrlKey || event.metaKey || event.shiftKey || !window.htmx) { return; }
    event.preventDefault();
    from = link;
    document.getElementById('panel-whole').href = link.getAttribute('href');
    window.htmx.ajax('GET', link.getAttribute('href'), { target: '#panel-body', swap: 'innerHTML' }).then(function () {
      var heading = body.querySelector('h1');
      if (!heading) { location.assign(from.getAttribute('href')); return; }
      panel.hidden = false; heading.focus();
    });
  });
  document.getElementById('panel-close').addEventListener('click', close);
  document.addEventListener('keydown', function (event) { if (event.key === 'Escape' && !event.isComposing && !document.querySelector('.ask-now')) { close(); } });
}());
