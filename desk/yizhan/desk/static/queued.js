/* A draft that is queued: looked at every two seconds until it has gone or was refused. */
(function () {
  'use strict';
  var at = document.getElementById('queued');
  function look() {
    fetch(at.dataset.look, { credentials: 'same-origin' }).then(function (answer) {
      if (answer.url.indexOf('/preview') < 0) { location.assign(at.dataset.look); } else { setTimeout(look, 2000); }
    }).catch(function () { setTimeout(look, 2000); });
  }
  setTimeout(look, 2000);
}());
