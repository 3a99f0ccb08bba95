/* The map of a form: the outlines of the counties, the point that the form says; a click says another (WGS 84). */
(function () {
  'use strict';
  var map = null, point = null, shown = '';
  function draw() {
    var box = document.querySelector('[data-map]');
    if (!box || !window.L) { return; }
    if (map) { map.remove(); point = null; shown = ''; }
    map = window.yzMap(box, function (own) {
      if (own) { map.fitBounds(own, { padding: [8, 8] }); }
      mark();
    });
    map.on('click', function (event) { say(event.latlng); });
    /* With keys: arrows move the map, Enter says its centre, where the cross stands. */
    box.addEventListener('keydown', function (event) { if (event.key === 'Enter' && event.target === box) { event.preventDefault(); say(map.getCenter()); } });
  }
  function say(at) {
    window.yzDraft.set(document.querySelector('[data-map]').closest('[data-field]').dataset.field, [at.lng.toFixed(6) + ',' + at.lat.toFixed(6)], { datum: 'WGS84' });
    place(at);
  }
  function place(at) {
    if (!point) { point = window.L.circleMarker(at, { radius: 9, color: window.yzMap.css('--g1'), weight: 3, fillColor: window.yzMap.css('--surface'), fillOpacity: 0.6, interactive: false }).addTo(map); } else { point.setLatLng(at); }
  }
  function mark() {
    var box = document.querySelector('[data-map]'), text = box && window.yzDraft.values(box.closest('[data-field]').dataset.field)[0] || '', match = /^(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$/.exec(text);
    if (!map || text === shown) { return; }
    shown = text;
    if (match) { place([Number(match[2]), Number(match[1])]); if (!map.getBounds().contains(point.getLatLng())) { map.panTo(point.getLatLng()); } } else if (point) { point.remove(); point = null; }
  }
  document.addEventListener('yz-draft', mark);
  document.addEventListener('yz-form', draw);
  draw();
}());
