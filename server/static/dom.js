// Makes elements. Text is text, whatever it says: nothing here reads HTML.

const SVG = 'http://www.w3.org/2000/svg';

export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : value);
  }
  return node;
}

function fill(node, attributes, children) {
  set(node, attributes);
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}

// Change a text only where it is another one: selections and screen readers stay undisturbed.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Put these in the place of what is there. Who had the focus on a link or a button there has it on its like, and a
// table that was scrolled sideways stays where it was.
export function refill(node, ...children) {
  const all = () => [...node.querySelectorAll('a[href], button')];
  const had = document.activeElement;
  const [place, href, left] = [all().indexOf(had), had?.getAttribute('href'), scrollOf(node)?.scrollLeft];
  node.replaceChildren(...children);
  if (left) scrollOf(node)?.scrollTo(left, 0);
  if (place < 0) return;
  const like = all().find((one) => href && one.getAttribute('href') === href) ?? all()[place];
  like?.focus({ preventScroll: true });
}

const scrollOf = (node) => node.querySelector('.scroller');
