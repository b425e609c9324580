// Elements without HTML text: what comes from a server becomes text nodes, so none of it can be markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
        else if (name === 'value') node.value = value;
        else node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
    return node;
}

/** h('p', {class: 'note', onclick: f}, 'text', node, [nodes], undefined). */
export const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/** The same in SVG. */
export const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

let last = 0;
/** An id that no other element has. */
export const newId = (prefix) => `${prefix}-${++last}`;
