/* A page that was asked for to be printed: the print dialog opens at once. */
window.addEventListener('load', function () { if (document.querySelector('[data-print-now]')) { window.print(); } });
