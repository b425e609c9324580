// A questionnaire as a form: each question a labelled control, mistakes beside it and summed up above.
import {h, newId} from './dom.mjs';
import {number} from './format.mjs';
import {wordsFor} from './fhir.mjs';
import {check, enabled, isAsked, items, linkIdAt, setting, toResponse} from './questionnaire.mjs';
import {replace} from './shell.mjs';
import {t} from './words.mjs';

const SCALE_MAX = 11;  // as many whole numbers are offered as buttons: 0 to 10

const optionOf = (option) => {
    const [key] = Object.keys(option).filter((name) => name.startsWith('value'));
    const value = option[key];
    return {answer: {[key]: value}, label: value?.display ?? value?.code ?? String(value)};
};

function scale(item) {
    const [least, most] = [setting(item, 'minValue'), setting(item, 'maxValue')];
    if (item.type !== 'integer' || least === undefined || most === undefined || most - least >= SCALE_MAX) return undefined;
    return Array.from({length: most - least + 1}, (_, i) => ({answer: {valueInteger: least + i}, label: number(least + i)}));
}

function optionsOf(item) {
    if (item.type === 'boolean') {
        return [{answer: {valueBoolean: true}, label: t('yes')}, {answer: {valueBoolean: false}, label: t('no')}];
    }
    return scale(item) ?? (item.type.endsWith('choice') ? (item.answerOption ?? []).map(optionOf) : undefined);
}

// {node, read} of radio buttons or, when several may be chosen, check boxes; open-choice with words of one's own.
function picker(item, options, describe) {
    const name = newId('q');
    const type = item.repeats ? 'checkbox' : 'radio';
    const boxes = options.map(({answer, label}) => {
        const input = h('input', {type, name, id: newId('a')});
        return {answer, input, node: h('div', {class: 'option'}, input, h('label', {for: input.id}, label))};
    });
    const own = item.type === 'open-choice' ? h('input', {type: 'text', id: newId('a'), maxlength: '500'}) : undefined;
    const read = () => [...boxes.filter(({input}) => input.checked).map(({answer}) => answer),
                        ...(own?.value.trim() ? [{valueString: own.value.trim()}] : [])];
    const node = h('fieldset', {...describe, class: scale(item) ? 'scale' : undefined},
                   h('legend', {}, item.text, mark(item)), boxes.map((box) => box.node),
                   own && h('div', {}, h('label', {for: own.id}, t('form.other')), own));
    return {node, read, focus: () => (boxes[0]?.input ?? own).focus(), group: node};
}

const INPUTS = {
    integer: {type: 'number', step: '1', inputmode: 'numeric'}, decimal: {type: 'text', inputmode: 'decimal'},
    quantity: {type: 'text', inputmode: 'decimal'}, date: {type: 'date'}, dateTime: {type: 'datetime-local'},
    time: {type: 'time', step: '1'},
    string: {type: 'text'},
};

/** "37,5" and "37.5" are one number; what is none is kept as a mistake. */
export function readNumber(text, whole) {
    const plain = text.trim().replace(',', '.');
    const good = (whole ? /^-?\d{1,9}$/ : /^-?\d{1,9}(\.\d{1,9})?$/).test(plain);
    return good ? Number(plain) : undefined;
}

function answersOf(item, text) {
    if (text.trim() === '') return [];
    if (item.type === 'integer' || item.type === 'decimal' || item.type === 'quantity') {
        const value = readNumber(text, item.type === 'integer');
        if (value === undefined) return [{invalid: text}];
        if (item.type === 'integer') return [{valueInteger: value}];
        if (item.type === 'decimal') return [{valueDecimal: value}];
        const {display, system, code} = setting(item, 'questionnaire-unit') ?? {};
        return [{valueQuantity: {value, unit: display ?? code, system, code}}];
    }
    if (item.type === 'dateTime') return [{valueDateTime: new Date(text).toISOString()}];
    if (item.type === 'time') return [{valueTime: text.length === 5 ? `${text}:00` : text}];
    return [{[item.type === 'date' ? 'valueDate' : 'valueString']: text.trim()}];
}

function field(item, describe) {
    const id = newId('q');
    const common = {id, ...describe, required: item.required, maxlength: item.maxLength};
    const input = item.type === 'text' ? h('textarea', {...common, rows: '3'}) :
                  h('input', {...common, ...INPUTS[item.type],
                              min: setting(item, 'minValue'), max: setting(item, 'maxValue')});
    const unit = setting(item, 'questionnaire-unit');
    // A number field that holds no number reads as empty: its validity tells.
    const read = () => (input.validity.badInput ? [{invalid: true}] : answersOf(item, input.value));
    const label = h('label', {for: id}, item.text, mark(item), unit && ` (${unit.display ?? unit.code})`);
    return {node: h('div', {class: 'field'}, label, input), read, focus: () => input.focus(), group: input};
}

const mark = (item) => (item.required ? '' : h('span', {class: 'optional'}, ` (${t('form.optional')})`));

/** `done(response)` is told the stored response. */
export function form({fhir, patient}, questionnaire, done) {
    const questions = new Map();  // linkId -> {item, box, error, read, focus, group}
    const summary = h('div', {class: 'summary', tabindex: '-1'});
    const send = h('button', {class: 'primary'}, t('form.send'));

    function build(parent, level) {
        return (parent.item ?? []).map((item) => {
            if (!isAsked(item)) {
                const text = item.text && h(item.type === 'group' ? `h${level}` : 'p', {}, item.text);
                const box = h('div', {class: item.type}, text, build(item, Math.min(level + 1, 6)));
                questions.set(item.linkId, {item, box});
                return box;
            }
            const error = h('p', {class: 'error', id: newId('e')});
            const describe = {'aria-describedby': error.id};
            const options = optionsOf(item);
            const made = options ? picker(item, options, describe) : field(item, describe);
            const box = h('div', {class: 'question'}, made.node, error, build(item, level));
            questions.set(item.linkId, {item, box, error, ...made});
            return box;
        });
    }

    // One for the same answers however often they are sent: an answer that was lost on the way makes no second report.
    let sent = {};
    function keyFor(text) {
        if (sent.text !== text) sent = {text, key: crypto.randomUUID()};
        return sent.key;
    }

    const answers = () => new Map([...questions].filter(([, one]) => one.read)
        .map(([linkId, one]) => [linkId, one.read()]).filter(([, given]) => given.length));

    function update() {
        const on = enabled(questionnaire, answers());
        for (const [linkId, {box}] of questions) box.hidden = !on.has(linkId);
    }

    // Leads to the question.
    function lineOf({linkId, text}) {
        const one = questions.get(linkId);
        if (!one?.focus) return h('li', {}, text);
        const lead = (event) => {
            event.preventDefault();
            one.focus();
        };
        return h('li', {}, h('a', {href: '', onclick: lead}, `${one.item.text} – ${text}`));
    }

    function mistakes(list) {
        for (const {error, group} of questions.values()) {
            if (!error) continue;
            error.textContent = '';
            group.removeAttribute('aria-invalid');
        }
        for (const {linkId, text} of list) {
            const one = questions.get(linkId);
            if (!one?.error) continue;
            one.error.textContent = text;
            one.group.setAttribute('aria-invalid', 'true');
        }
        replace(summary);
        if (list.length === 0) return;
        replace(summary, h('h2', {}, t('form.mistakes', {count: list.length})), h('ul', {}, list.map(lineOf)));
        summary.focus();
    }

    // What the server found wrong stands at its question, the rest above.
    function refusals(error, response) {
        const issues = error.issues?.length && error.status < 500 ? error.issues : [{text: wordsFor(error), path: ''}];
        return issues.map(({text, path}) => ({linkId: linkIdAt(response, path), text}));
    }

    async function submit(event) {
        event.preventDefault();
        const given = answers();
        const wrong = check(questionnaire, given).map(({linkId, key, values}) => ({linkId, text: t(key, values)}));
        mistakes(wrong);
        if (wrong.length) return;
        send.disabled = true;
        const response = toResponse(questionnaire, given, {patient: patient.id, authored: new Date().toISOString()});
        const key = keyFor(JSON.stringify(response.item));
        response.identifier = {system: 'urn:ietf:rfc:3986', value: `urn:uuid:${key}`};
        try {
            done(await fhir.post('QuestionnaireResponse', response, {
                Prefer: 'return=representation', 'If-None-Exist': `identifier=urn:uuid:${key}`}));
        } catch (error) {
            mistakes(refusals(error, response));
        } finally {
            send.disabled = false;
        }
    }

    const node = h('form', {class: 'questions', novalidate: true, oninput: update, onchange: update, onsubmit: submit},
                   h('h2', {}, questionnaire.title ?? questionnaire.name), summary, build(questionnaire, 3), send);
    if (![...items(questionnaire)].some(isAsked)) send.hidden = true;
    update();
    return node;
}
