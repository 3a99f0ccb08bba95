/* A filled table is sent whole, as one raw body; the answer says what became of each row. */
(function () {
  'use strict';
  var file = document.getElementById('table-file'), type = document.getElementById('table-type'), button = document.getElementById('table-send'), result = document.getElementById('table-result');
  file.addEventListener('change', function () { button.disabled = !file.files.length; });
  button.addEventListener('click', function () {
    var chosen = file.files[0];
    if (!chosen) { return; }
    button.disabled = true; result.textContent = button.dataset.reading;
    fetch('/table-import/' + encodeURIComponent(chosen.name) + (type.value ? '?type=' + encodeURIComponent(type.value) : ''), { method: 'PUT', body: chosen, headers: { 'HX-Request': 'true', 'Content-Type': 'application/octet-stream' }, credentials: 'same-origin' }).then(function (answer) {
      if (answer.headers.get('HX-Redirect')) { location.assign(answer.headers.get('HX-Redirect')); return ''; }
      return answer.text().then(function (text) { if (answer.ok) { result.innerHTML = text; } else { result.textContent = text; } button.disabled = false; });
    }).catch(function () { result.textContent = button.dataset.broken; button.disabled = false; });
  });
}());
