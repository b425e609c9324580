// The frame around the views: heading, navigation, banners, what is said to screen readers, focus.
import {h} from './dom.mjs';
import {wordsFor} from './fhir.mjs';
import {t} from './words.mjs';

const VIEWS = ['appointments', 'results', 'reports', 'waiting'];

/** `config` is /app/config.json. */
export function createShell(config) {
    const main = h('main', {id: 'main', tabindex: '-1'});
    const navigation = h('nav', {'aria-label': t('nav.label')});
    const person = h('p', {class: 'person'});
    const banner = h('div', {class: 'banner', role: 'status'});
    const spoken = h('div', {class: 'spoken', 'aria-live': 'polite'});
    const notes = new Map();  // name -> text; the banner shows all
    document.title = config.title;
    document.body.append(
        h('a', {class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); main.focus(); }}, t('nav.skip')),
        h('header', {}, h('p', {class: 'title'}, config.title), person),
        navigation, banner, main, spoken,
        h('footer', {}, h('p', {}, h('strong', {}, t('emergency.title')), ' ', config.emergency)));

    function links(view) {
        navigation.replaceChildren(h('ul', {}, VIEWS.map((name) => h('li', {}, h('a', {
            href: `#${name}`, 'aria-current': name === view && 'page'}, t(`nav.${name}`))))));
    }

    return {
        /** Shows a view: its heading takes the focus unless the page has just come. */
        show(view, title, content, {quiet = false} = {}) {
            const heading = h('h1', {tabindex: '-1'}, title);
            for (const dialog of document.querySelectorAll('dialog')) dialog.close();
            navigation.hidden = !view;
            if (view) links(view);
            main.replaceChildren(heading, content);
            document.title = `${title} – ${config.title}`;
            if (!quiet) heading.focus();
            scrollTo(0, 0);
        },
        /** Who is logged in, and how he ends it. */
        greet(name, end) {
            person.replaceChildren();
            if (!end) return;
            person.append(h('span', {}, name), ' ',
                          h('button', {type: 'button', class: 'plain', onclick: end}, t('login.end')));
        },
        /** Takes everything off the page but a line, for good. */
        clear(text) {
            document.title = config.title;
            document.body.replaceChildren(h('main', {}, h('h1', {}, config.title), h('p', {role: 'status'}, text)));
        },
        /** A line that stays until it is taken back with ''. */
        note(name, text) {
            if ((notes.get(name) ?? '') === text) return;
            if (text) notes.set(name, text);
            else notes.delete(name);
            banner.replaceChildren(...[...notes.values()].map((line) => h('p', {}, line)));
        },
        /** Told to those who do not see that something changed. */
        say(text) {
            const line = h('p', {}, text);
            spoken.append(line);
            setTimeout(() => line.remove(), 10_000);  // who reads the page later does not come across it
        },
    };
}

/** What went wrong, in words. */
export const problem = (error) => h('p', {class: 'error', role: 'alert'}, wordsFor(error));

/** Renders anew without taking the focus from a control that is still there (same data-key). */
export function replace(container, ...content) {
    const key = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    container.replaceChildren(...content.flat(Infinity).filter(Boolean));
    if (key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/**
 * A question with its own controls over the page. `submit(form)` may refuse by throwing: the words stand in the
 * dialog then. Resolves to what submit gave, or undefined when it was dismissed.
 */
export function ask({title, content, yes, no = t('dialog.back'), danger = false, submit}) {
    return new Promise((resolve) => {
        const refusal = h('p', {class: 'error', role: 'alert'});
        const confirm = h('button', {class: danger ? 'danger' : 'primary'}, yes);
        const id = 'dialog-title';
        let result;
        const form = h('form', {method: 'dialog', novalidate: true, onsubmit: async (event) => {
            event.preventDefault();
            confirm.disabled = true;
            refusal.textContent = '';
            try {
                result = await submit(form);
                dialog.close();
            } catch (error) {
                refusal.textContent = wordsFor(error);
                confirm.disabled = false;
            }
        }}, h('h2', {id}, title), content, refusal,
        h('div', {class: 'buttons'}, confirm, h('button', {type: 'button', onclick: () => dialog.close()}, no)));
        const dialog = h('dialog', {'aria-labelledby': id, onclose: () => {
            dialog.remove();
            resolve(result);
        }}, form);
        document.body.append(dialog);
        dialog.showModal();
    });
}
