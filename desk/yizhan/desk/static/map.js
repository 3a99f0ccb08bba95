/* The ground of every map: the outlines of the counties, a scale, no other lines. Names are text, never markup. */
(function () {
  'use strict';
  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function words(text) { var made = document.createElement('span'); made.textContent = text; return made; }
  function code(feature) { return String(feature.properties.code || feature.id || ''); }
  /* Draws into a box with data-outlines, data-county, data-members; calls back with map and bounds of the own county. */
  window.yzMap = function (box, then) {
    var map = window.L.map(box, { attributionControl: false, zoomSnap: 0.25, keyboard: true });
    map.setView([27.5, 119.3], 9);
    window.L.control.scale({ imperial: false }).addTo(map);
    fetch(box.dataset.outlines, { credentials: 'same-origin' }).then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (found) {
      if (!found) { then(null); return; }
      var layer = window.L.geoJSON(found, { interactive: false, style: function (feature) {
        var ours = code(feature) === box.dataset.county;
        return { color: css('--map-border'), weight: ours ? 2 : 1, fillColor: css(ours ? '--map-ours' : '--map-land'), fillOpacity: 1 };
      } }).addTo(map), own = null, names = JSON.parse(box.dataset.members);
      layer.eachLayer(function (each) {
        if (code(each.feature) === box.dataset.county) { own = each; }
        if (names[code(each.feature)]) { each.bindTooltip(words(names[code(each.feature)]), { permanent: true, direction: 'center', className: 'mapname' }); }
      });
      then((own || layer).getBounds());
    }).catch(function () { then(null); });
    return map;
  };
  window.yzMap.css = css; window.yzMap.words = words;
}());
