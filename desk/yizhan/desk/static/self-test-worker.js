/* Says that a SharedWorker runs here. */
'use strict';
self.onconnect = function (event) { event.ports[0].postMessage('here'); };
