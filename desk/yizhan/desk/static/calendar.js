/* The month by keyboard: arrows go from day to day, Home and End within the week, PageUp and PageDown change the month. */
(function () {
  'use strict';
  var table = document.getElementById('month');
  function days() { return Array.prototype.slice.call(table.querySelectorAll('td')); }
  function go(cell) {
    if (!cell) { return; }
    days().forEach(function (each) { each.tabIndex = -1; });
    cell.tabIndex = 0; cell.focus();
  }
  table.addEventListener('keydown', function (event) {
    var cell = event.target.closest('td'), all = days(), at = all.indexOf(cell), row = at - at % 7;
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) { return; }
    var step = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - 7, ArrowDown: at + 7, Home: row, End: row + 6 }[event.key];
    if (step !== undefined) { event.preventDefault(); go(all[step]); return; }
    if (event.key === 'PageUp' || event.key === 'PageDown') {
      event.preventDefault();
      document.querySelector('[data-month="' + (event.key === 'PageUp' ? 'before' : 'after') + '"]').click();
    }
    if (event.key === 'Enter' && event.target === cell) { var link = cell.querySelector('a'); if (link) { link.click(); } }
  });
}());
