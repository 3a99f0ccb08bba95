/* Files of a draft: each one raw body, sent in pieces; what was cut off goes on where the server has it. */
(function () {
  'use strict';
  var PIECE = 4 << 20, busy = {};
  function box() { return document.getElementById('files'); }
  function failed(text) { var element = document.getElementById('files-err'); element.hidden = !text; element.lastElementChild.textContent = text; }
  function row(name) {
    var list = document.getElementById('filelist'), found = Array.prototype.slice.call(list.children).find(function (each) { return each.dataset.name === name; });
    if (found) { return found; }
    found = document.createElement('li'); found.dataset.name = name;
    var label = document.createElement('span'), small = document.createElement('small'), bar = document.createElement('progress');
    label.className = 'nm'; label.textContent = name; bar.max = 1; bar.value = 0; bar.setAttribute('aria-label', name);
    found.appendChild(label); found.appendChild(bar); found.appendChild(small); list.appendChild(found);
    return found;
  }
  function address(name) { return box().dataset.upload + encodeURIComponent(name); }
  function refresh() {
    return fetch(box().dataset.upload.replace('/uploads/', '/drafts/') + 'files', { headers: { 'HX-Request': 'true' }, credentials: 'same-origin' }).then(function (answer) { return answer.ok ? answer.text() : ''; }).then(function (text) {
      if (!text) { return; }
      var made = document.createElement('template'); made.innerHTML = text;
      document.getElementById('filelist').innerHTML = made.content.querySelector('#filelist').innerHTML;
    });
  }
  function offer(file) {
    if (busy[file.name]) { return; }
    busy[file.name] = true; failed('');
    fetch(address(file.name), { method: 'HEAD', credentials: 'same-origin' }).then(function (answer) {
      var offset = Number(answer.headers.get('Upload-Offset') || 0);
      return piece(file, offset < file.size ? offset : 0);
    }).then(function (text) { delete busy[file.name]; return refresh().then(function () { failed(text || ''); }); }).catch(function () {
      delete busy[file.name];
      var element = row(file.name), again = document.createElement('button');
      element.querySelector('small').textContent = box().dataset.failed;
      again.type = 'button'; again.className = 'btn sm'; again.textContent = box().dataset.again;
      again.addEventListener('click', function () { again.remove(); offer(file); });
      element.appendChild(again);
    });
  }
  function piece(file, offset) {
    return new Promise(function (done, broken) {
      var request = new XMLHttpRequest(), element = row(file.name), bar = element.querySelector('progress'), small = element.querySelector('small');
      function progress(sent) { if (bar) { bar.value = sent / file.size; } small.textContent = sent >= file.size ? box().dataset.checking : box().dataset.sent.replace('{percent}', Math.floor(100 * sent / file.size)); }
      request.open('PUT', address(file.name));
      request.setRequestHeader('Upload-Offset', offset); request.setRequestHeader('Upload-Length', file.size);
      request.setRequestHeader('Content-Type', 'application/octet-stream');
      request.upload.onprogress = function (event) { progress(offset + event.loaded); };
      request.onerror = broken;
      request.onload = function () {
        var text = (request.getResponseHeader('Content-Type') || '').indexOf('text/plain') === 0 ? request.responseText : '';
        if (request.status >= 400 && text) { done(text); return; }
        if (request.status >= 400 || request.getResponseHeader('Upload-Offset') === null) { broken(); return; }
        var now = Number(request.getResponseHeader('Upload-Offset'));
        if (now < file.size) { piece(file, now).then(done, broken); } else { done(''); }
      };
      request.send(file.slice(offset, offset + PIECE));
    });
  }
  function offerAll(files) { Array.prototype.slice.call(files).forEach(offer); }
  document.addEventListener('change', function (event) { if (event.target.id === 'pick') { offerAll(event.target.files); event.target.value = ''; } });
  document.addEventListener('dragover', function (event) { if (box()) { event.preventDefault(); box().classList.add('over'); } });
  document.addEventListener('dragleave', function () { if (box()) { box().classList.remove('over'); } });
  document.addEventListener('drop', function (event) { if (box() && event.dataTransfer.files.length) { event.preventDefault(); box().classList.remove('over'); offerAll(event.dataTransfer.files); } });
  document.addEventListener('click', function (event) {
    var at = event.target.closest('[data-remove]');
    if (!at || !at.closest('#files')) { return; }
    fetch(address(at.dataset.remove), { method: 'DELETE', headers: { 'HX-Request': 'true' }, credentials: 'same-origin' }).then(function (answer) { return answer.text().then(function (text) { return refresh().then(function () { failed(answer.ok ? '' : text); }); }); });
  });
}());
