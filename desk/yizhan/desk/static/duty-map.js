/* Where it rings, and where today's events were: the gravest in front. Marks at one spot stand beside it on leader lines. */
(function () {
  'use strict';
  var SVG = 'http://www.w3.org/2000/svg', APART = 24, box = document.getElementById('duty-map');
  if (!box || !window.L) { return; }
  var L = window.L, layer = L.layerGroup(), later = 0, own = null;
  var map = window.yzMap(box, function (bounds) { own = bounds; fit(); draw(); });
  layer.addTo(map);
  map.on('zoomend', draw);

  function spots() {
    var found = [].slice.call(document.querySelectorAll('#alarms .alarm[data-lon]:not([data-signed])')).map(function (each) { return spot(each, true); });
    return found.concat([].slice.call(document.querySelectorAll('#notices tr[data-lon]')).map(function (each) { return spot(each, false); }))
      .sort(function (a, b) { return (b.rings - a.rings) || ((Number(a.grade) || 9) - (Number(b.grade) || 9)); });
  }
  function spot(element, rings) {
    return { at: L.latLng(Number(element.dataset.lat), Number(element.dataset.lon)), grade: element.dataset.mark, label: element.dataset.label, rings: rings };
  }
  function mark(each) {
    var svg = document.createElementNS(SVG, 'svg'), use = document.createElementNS(SVG, 'use');
    svg.setAttribute('class', 'gm gm' + each.grade); svg.setAttribute('viewBox', '0 0 24 24');
    use.setAttribute('href', box.dataset.icons + '#g' + each.grade); svg.appendChild(use);
    return svg;
  }
  function fit() { if (own) { map.fitBounds(own, { padding: [8, 8] }); } }
  function draw() {
    var taken = [];
    layer.clearLayers();
    spots().forEach(function (each) {
      var point = map.latLngToLayerPoint(each.at), place = point, turn = 0;
      while (taken.some(function (one) { return one.distanceTo(place) < APART; }) && turn < 12) {
        turn += 1;
        place = point.add([Math.cos(turn * 0.9) * (APART + turn * 4), Math.sin(turn * 0.9) * (APART + turn * 4)]);
      }
      taken.push(place);
      if (turn) { L.polyline([each.at, map.layerPointToLatLng(place)], { color: window.yzMap.css('--ink-3'), weight: 1, interactive: false }).addTo(layer); }
      var icon = L.divIcon({ html: mark(each), className: each.rings ? 'spot rings' : 'spot', iconSize: [22, 22] });
      var marker = L.marker(map.layerPointToLatLng(place), { icon: icon, keyboard: false, interactive: false }).addTo(layer);
      if (each.rings) { marker.bindTooltip(window.yzMap.words(each.label), { permanent: true, direction: 'right', offset: [10, 0], className: 'mapname spotname' }); }
    });
  }
  function soon() { clearTimeout(later); later = setTimeout(draw, 200); }
  [document.getElementById('alarms'), document.getElementById('notices')].forEach(function (each) { new MutationObserver(soon).observe(each, { childList: true }); });
}());
