/* Day, night or the system's scheme; before the first paint. */
(function () {
  'use strict';
  var key = 'yz-scheme', order = ['', 'light', 'dark'], now = '';
  try { now = localStorage.getItem(key) || ''; } catch (e) { now = ''; }
  function apply() { if (now) { document.documentElement.setAttribute('data-scheme', now); } else { document.documentElement.removeAttribute('data-scheme'); } }
  apply();
  document.addEventListener('DOMContentLoaded', function () {
    var button = document.querySelector('[data-scheme-toggle]');
    if (!button) { return; }
    var words = button.getAttribute('data-words').split('|'), label = button.querySelector('span');
    function show() { label.textContent = words[order.indexOf(now)]; }
    show();
    button.addEventListener('click', function () {
      now = order[(order.indexOf(now) + 1) % order.length];
      try { localStorage.setItem(key, now); } catch (e) { /* kept for this page only */ }
      apply(); show();
    });
  });
}());
