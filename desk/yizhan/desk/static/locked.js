/* The locked screen: what rings, as kind, county and age; ringing.js sounds, as on every page. */
(function () {
  'use strict';
  var yz = window.yz, list = document.getElementById('outlines'), known = new Map();
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
    var rings = new Set(state.ringing);
    state.new.forEach(function (each) { if (each.say && !known.has(each.id)) { known.set(each.id, each); } });
    known.forEach(function (_each, id) { if (!rings.has(id)) { known.delete(id); } });
    draw();
  });
  yz.on('tick', draw);
}());
