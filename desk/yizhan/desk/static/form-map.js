/* The map of a form: the outlines of the counties, the point that the form says; a click says another (WGS 84). */
(function () {
  'use strict';
  var outlines = null, map = null, point = null, shown = '';
  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function draw() {
    var box = document.querySelector('[data-map]');
    if (!box || !window.L) { return; }
    if (map) { map.remove(); point = null; shown = ''; }
    map = window.L.map(box, { attributionControl: false, zoomSnap: 0.25, keyboard: true });
    map.setView([27.5, 119.3], 9);
    window.L.control.scale({ imperial: false }).addTo(map);
    map.on('click', function (event) { window.yzDraft.set(box.closest('[data-field]').dataset.field, [event.latlng.lng.toFixed(6) + ',' + event.latlng.lat.toFixed(6)], { datum: 'WGS84' }); place(event.latlng); });
    (outlines ? Promise.resolve(outlines) : fetch(box.dataset.outlines, { credentials: 'same-origin' }).then(function (answer) { return answer.ok ? answer.json() : null; })).then(function (found) {
      outlines = found;
      if (!found) { return; }
      var layer = window.L.geoJSON(found, { interactive: false, style: function (feature) {
        var ours = String(feature.properties.code || feature.id || '') === box.dataset.county;
        return { color: css('--map-border'), weight: ours ? 2 : 1, fillColor: css(ours ? '--map-ours' : '--map-land'), fillOpacity: 1 };
      } }).addTo(map);
      var own = layer.getLayers().find(function (each) { return String(each.feature.properties.code || each.feature.id || '') === box.dataset.county; });
      var names = JSON.parse(box.dataset.members);
      layer.eachLayer(function (each) { var name = names[String(each.feature.properties.code || '')]; if (name) { each.bindTooltip(name, { permanent: true, direction: 'center', className: 'mapname' }); } });
      map.fitBounds((own || layer).getBounds(), { padding: [8, 8] });
      mark();
    }).catch(function () { /* the field takes coordinates without the map */ });
  }
  function place(at) {
    if (!point) { point = window.L.circleMarker(at, { radius: 9, color: css('--g1'), weight: 3, fillColor: css('--surface'), fillOpacity: 0.6, interactive: false }).addTo(map); } else { point.setLatLng(at); }
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
