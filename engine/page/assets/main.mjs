// Start: configuration, log-in, whose record it is, then a view by the address's #name.
import * as appointments from './appointments.mjs';
import {h} from './dom.mjs';
import {createFhir, parameters, Refused, wordsFor} from './fhir.mjs';
import {createLive} from './live.mjs';
import {createLogin} from './login.mjs';
import * as reports from './reports.mjs';
import * as results from './results.mjs';
import {createShell} from './shell.mjs';
import * as waiting from './waiting.mjs';
import {t} from './words.mjs';

const views = {appointments, results, reports, waiting};

function nameOf(patient) {
    const name = patient.name?.find((one) => one.use !== 'old') ?? patient.name?.[0];
    return name?.text ?? [...(name?.given ?? []), name?.family].filter(Boolean).join(' ');
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;  // typed by hand: leads nowhere
    }
}

// The server says what makes the link: its operation.
const isUnlinked = (error) => error instanceof Refused && error.status === 403 && error.said.includes('$link');

// One run at a time, and one more when something changed meanwhile: an older answer never replaces a newer one.
function serial(run) {
    let running, again;
    const all = async () => {
        try {
            do {
                again = false;
                await run();
            } while (again);
        } finally {
            running = undefined;
        }
    };
    return () => {
        again = true;
        running ??= all();
        return running;
    };
}

async function start() {
    const config = await (await fetch('config.json', {cache: 'no-store'})).json();
    const shell = createShell(config);
    const login = createLogin(config);
    let view, live;

    const showLogin = (said) => {
        live?.stop();
        live = undefined;
        view = undefined;
        shell.greet('');
        const refusal = h('p', {class: 'error', role: 'alert'}, said ?? '');
        const button = h('button', {type: 'button', class: 'primary', onclick: async () => {
            button.disabled = true;
            try {
                await login.start();
            } catch (error) {
                refusal.textContent = wordsFor(error);
                button.disabled = false;
            }
        }}, t('login.start'));
        // Without https there is no cryptography for pages, so no log-in.
        if (!isSecureContext) {
            button.hidden = true;
            refusal.textContent = t('login.insecure');
        }
        shell.show(undefined, t('login.title'), h('div', {class: 'card'}, refusal, h('p', {}, t('login.why')), button),
                   {quiet: said === undefined});
    };

    const fhir = createFhir(new URL(config.fhir, location.href).pathname, login, {
        reachable: (yes) => shell.note('offline', yes ? '' : t('error.offline')),
        waiting: (seconds) => shell.note('waiting', seconds ? t('error.busy', {seconds}) : ''),
        ended: () => showLogin(t('login.ended')),
    });

    let leaving = false;
    async function leave() {
        if (leaving) return;
        leaving = true;
        view = undefined;
        shell.clear(t('login.leaving'));
        await live?.stop({forget: true}).catch(() => {});
        await login.end();
    }

    function open(patient) {
        const context = {fhir, patient, shell, actors: new Map()};
        const navigate = (quiet) => {
            const [name, ...rest] = location.hash.slice(1).split('/');
            const known = name in views ? name : 'appointments';
            view = views[known].open(context, rest.map(decode));
            view.refresh = serial(view.refresh.bind(view));
            shell.show(known, view.title, view.content, {quiet});
            view.refresh();
        };
        live = createLive(fhir, patient.id, {
            changed: (topics) => { if (view?.topics.some((topic) => topics.has(topic))) view.refresh(); },
            live: (yes) => shell.note('live', yes ? '' : t('live.polling')),
        });
        shell.greet(nameOf(patient), leave);
        addEventListener('hashchange', () => { if (view) navigate(false); });
        navigate(true);
        live.start();
    }

    async function findPatient() {
        const {matches} = await fhir.page('Patient?_count=10');
        // Records that were merged into another say so; the one that is left counts.
        return matches.find((one) => !one.link?.some((link) => link.type === 'replaced-by')) ?? matches[0];
    }

    // A log-in that is linked to no record yet: a code of the clinic does that.
    function askForCode() {
        const field = h('input', {id: 'code', name: 'code', required: true, autocomplete: 'one-time-code',
                                  spellcheck: 'false', autocapitalize: 'characters', 'aria-describedby': 'code-help'});
        const refusal = h('p', {class: 'error', role: 'alert'});
        const form = h('form', {class: 'card', novalidate: true, onsubmit: async (event) => {
            event.preventDefault();
            refusal.textContent = '';
            const code = field.value.trim();
            try {
                if (!code) throw new Error(t('code.missing'));
                await fhir.post('Patient/$link', parameters({code}));
                await enter();
            } catch (error) {
                refusal.textContent = error.status === 400 ? t('code.wrong') :
                                      error.status === 429 ? t('code.tooMany') : wordsFor(error);
                field.focus();
            }
        }}, h('p', {}, t('code.why')), h('label', {for: 'code'}, t('code.label')), field,
        h('p', {id: 'code-help', class: 'hint'}, t('code.hint')), refusal,
        h('button', {class: 'primary'}, t('code.send')));
        shell.greet('', leave);
        shell.show(undefined, t('code.title'), form);
    }

    async function enter() {
        try {
            const patient = await findPatient();
            if (patient) open(patient);
            else askForCode();
        } catch (error) {
            if (isUnlinked(error)) return askForCode();
            if (!login.active) return;  // the log-in's page stands there
            shell.show(undefined, t('error.title'), h('div', {class: 'card'}, h('p', {}, wordsFor(error)),
                h('button', {type: 'button', class: 'primary', onclick: enter}, t('error.retry'))));
        }
    }

    try {
        await login.finish();
    } catch (error) {
        return showLogin(wordsFor(error));
    }
    if (!login.active) return showLogin();
    await enter();
}

// A browser keeps a page that was left and shows it to whoever presses Back: it is left empty, and starts anew.
addEventListener('pagehide', () => document.body.replaceChildren());
addEventListener('pageshow', ({persisted}) => { if (persisted) location.reload(); });

start().catch(() => document.body.replaceChildren(
    h('main', {}, h('h1', {}, t('error.title')), h('p', {}, t('error.offline')))));
