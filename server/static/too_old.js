// Says so where the browser is too old for this page. Any browser can read this file, be it of 1999; the
// sentence is in the frame, as its language is the browser's.

(function () {
  // Of all that the page needs, what came last.
  var hasAll =
    window.ResizeObserver &&
    window.AbortController &&
    window.PointerEvent &&
    Element.prototype.replaceChildren &&
    String.prototype.replaceAll &&
    Object.fromEntries &&
    Intl.DateTimeFormat.prototype.formatToParts;

  function say() {
    var main = document.getElementById('main');
    var words = document.createElement('p');
    document.documentElement.setAttribute('data-too-old', 'yes');
    words.className = 'card';
    words.setAttribute('role', 'alert');
    words.appendChild(document.createTextNode(document.body.getAttribute('data-too-old')));
    while (main.firstChild) main.removeChild(main.firstChild);
    main.appendChild(words);
  }

  if (!hasAll) return say();
  // It does not know the language of the modules. That one of them lacks what another imports, as it may be
  // in the middle of an upgrade, is called a SyntaxError, too.
  window.onerror = function (message) {
    if (/SyntaxError/.test(message) && !/export|import/i.test(message)) say();
  };
})();
