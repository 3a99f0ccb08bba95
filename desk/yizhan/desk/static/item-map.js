/* The places of a matter on the map: each with its grade and its name; those at one spot stand beside each other. */
(function () {
  'use strict';
  var SVG = 'http://www.w3.org/2000/svg';
  function mark(grade, icons) {
    var svg = document.createElementNS(SVG, 'svg'), use = document.createElementNS(SVG, 'use');
    svg.setAttribute('class', 'gm gm' + grade); svg.setAttribute('viewBox', '0 0 24 24');
    use.setAttribute('href', icons + '#g' + grade); svg.appendChild(use);
    return svg;
  }
  function draw() {
    var box = document.querySelector('[data-spots]');
    if (!box || !window.L || box.dataset.drawn) { return; }
    box.dataset.drawn = '1';
    var spots = Array.prototype.map.call(box.parentNode.querySelectorAll('[data-lon]'), function (each) {
      return { at: [Number(each.dataset.lat), Number(each.dataset.lon)], grade: each.dataset.grade, label: each.textContent };
    });
    var map = window.yzMap(box, function (own) {
      var bounds = window.L.latLngBounds(spots.map(function (each) { return each.at; }));
      map.fitBounds(own ? bounds.extend(own) : bounds, { padding: [12, 12], maxZoom: 11 });
    });
    spots.forEach(function (each) {
      var icon = window.L.divIcon({ html: mark(each.grade, box.dataset.icons), className: 'spot', iconSize: [22, 22] });
      window.L.marker(each.at, { icon: icon, interactive: false, keyboard: false }).addTo(map)
        .bindTooltip(window.yzMap.words(each.label), { permanent: true, direction: 'right', offset: [10, 0], className: 'mapname spotname' });
    });
  }
  document.addEventListener('yz-panel', draw);
  draw();
}());
