/* A county's book is sent as it is, one request a file. */
(function () {
  'use strict';
  var input = document.getElementById('book'), said = document.getElementById('took'), words = document.getElementById('take').dataset;
  input.addEventListener('change', function () {
    if (!input.files.length) { return; }
    said.textContent = words.sending;
    fetch(words.to, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: input.files[0] })
      .then(function (answer) { return answer.json(); })
      .then(function (data) { if (data.fault) { said.textContent = data.fault; } else { location.reload(); } })
      .catch(function () { said.textContent = words.failed; });
  });
}());
