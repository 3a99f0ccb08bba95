/* The locked screen: what rings, as kind, county and age; it sounds as before. */
(function () {
  'use strict';
  var yz = window.yz, list = document.getElementById('outlines'), known = new Map(), AGAIN_MS = 8000;
  function ring() {
    if (!known.size || yz.isLost()) { return; }
    yz.ring(Array.from(known.values()).every(function (each) { return each.drill; }) ? 'drill' : 'alarm');
  }
  function row(alarm) {
    var item = document.createElement('li'), kind = document.createElement('b'), age = document.createElement('span');
    kind.textContent = (alarm.drill ? list.dataset.drill + ' ' : '') + alarm.say;
    age.textContent = list.dataset.age + ' ' + yz.span(yz.now() - Date.parse(alarm.at));
    item.append(kind, age);
    return item;
  }
  function draw() {
    list.textContent = '';
    known.forEach(function (each) { list.append(row(each)); });
  }
  yz.on('state', function (state) {
    var rings = new Set(state.ringing), fresh = false;
    state.new.forEach(function (each) { if (each.say && !known.has(each.id)) { known.set(each.id, each); fresh = true; } });
    known.forEach(function (_each, id) { if (!rings.has(id)) { known.delete(id); } });
    draw();
    if (fresh) { yz.say(document.title + ' ' + state.new.map(function (each) { return each.say; }).join('; ')); ring(); }
  });
  yz.on('tick', draw);
  setInterval(ring, AGAIN_MS);
}());
