// Symptom reports: what can be reported, what was, how far each is, and the form.
import {h, newId} from './dom.mjs';
import {concept, extension, moment} from './format.mjs';
import {form} from './form.mjs';
import {unknownTypes} from './questionnaire.mjs';
import {problem, replace} from './shell.mjs';
import {known, t} from './words.mjs';

const DELIVERY_TASK = 'urn:carestream:task|report-delivery';
const DELIVERY = 'urn:carestream:delivery';
const RED_FLAG = 'urn:carestream:red-flag';
const TONES = {accepted: 'good', rejected: 'unclear', clarifying: 'unclear', withdrawn: 'over', kept: 'over'};

/** The emergency texts of a response, as the clinic wrote them. */
export const redFlags = (response) => (response.extension ?? []).filter((one) => one.url === RED_FLAG).map((flag) => ({
    severity: extension(flag, 'severity')?.valueCode ?? '',
    title: extension(flag, 'title')?.valueString ?? '',
    text: extension(flag, 'text')?.valueString ?? '',
}));

/** How far the report is, in true words: accepted is not seen. */
export function deliveryOf(task) {
    const code = task?.businessStatus?.coding?.find((one) => one.system === DELIVERY)?.code;
    if (code === undefined) return {tone: 'waits', text: t('delivery.stored')};
    const tone = TONES[code] ?? 'waits';
    const text = known(`delivery.${code}`) ? t(`delivery.${code}`) : concept(task.businessStatus);
    const reason = code === 'rejected' && task.statusReason?.text;
    return {tone, text, detail: reason && t('delivery.because', {reason})};
}

function deliveryLines(task) {
    const {tone, text, detail} = deliveryOf(task);
    return [h('p', {class: `state ${tone}`}, text), detail && h('p', {class: 'hint'}, detail)];
}

export function warning(flags) {
    if (flags.length === 0) return undefined;
    const id = newId('warning');
    return h('section', {class: 'alarm', role: 'alert', 'aria-labelledby': id},
             h('h2', {id}, t('redflag.title')), flags.map((flag) => h('p', {}, flag.text)));
}

const taskOf = (tasks, id) => tasks.find(
    (task) => task.focus?.reference?.split('/_history/')[0] === `QuestionnaireResponse/${id}`);

const section = (id, title, content) => h('section', {'aria-labelledby': id}, h('h2', {id}, title), content);

/** What can be reported, and what was. */
function overview({fhir, patient, shell}) {
    const offered = h('div', {}, h('p', {class: 'hint'}, t('loading')));
    const sent = h('div');
    let titles, told;

    async function loadOffered() {
        const {matches} = await fhir.search('Questionnaire?status=active&_count=50');
        titles = new Map(matches.map((one) => [one.url, one.title ?? one.name]));
        const nameOf = (one) => one.title ?? one.name ?? one.id;
        const usable = matches.filter((one) => unknownTypes(one).length === 0)
            .sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
        replace(offered, usable.length ? h('ul', {class: 'choices'}, usable.map((one) => h('li', {}, h('a', {
            class: 'choice', href: `#reports/${encodeURIComponent(one.id)}`}, nameOf(one))))) :
                h('p', {class: 'card'}, t('reports.noneOffered')));
    }

    function card(response, task) {
        const title = titles.get(response.questionnaire?.split('|')[0]) ?? t('reports.report');
        return h('li', {class: 'card'}, h('h3', {}, title),
                 h('p', {class: 'when'}, moment(response.authored)), deliveryLines(task),
                 redFlags(response).map(
                     (flag) => h('p', {class: 'flagged'}, h('strong', {}, t('redflag.short')), ' ', flag.text)));
    }

    function announce(responses, tasks) {
        const now = new Map(responses.map((one) => [one.id, deliveryOf(taskOf(tasks, one.id)).text]));
        for (const [id, text] of now) if (told && told.get(id) !== text) shell.say(text);
        told = now;
    }

    return {
        title: t('nav.reports'),
        topics: ['report-delivery'],
        content: h('div', {}, section('offered-title', t('reports.offered'), offered),
                   section('sent-title', t('reports.sent'), sent)),
        async refresh() {
            try {
                if (!titles) await loadOffered();
                const [responses, tasks] = await Promise.all([
                    fhir.page(`QuestionnaireResponse?patient=${patient.id}&_sort=-authored&_count=20`),
                    fhir.page(`Task?patient=${patient.id}&code=${DELIVERY_TASK}&_sort=-authored-on&_count=50`)]);
                announce(responses.matches, tasks.matches);
                const cards = responses.matches.map((one) => card(one, taskOf(tasks.matches, one.id)));
                replace(sent, cards.length ? h('ul', {class: 'list'}, cards) : h('p', {class: 'card'}, t('reports.none')));
            } catch (error) {
                if (!told) replace(titles ? sent : offered, problem(error));
            }
        },
    };
}

/** After a report was sent: its emergency texts first, then how far it is. */
function sentView({fhir}, response, content) {
    const delivery = h('div', {role: 'status'}, deliveryLines(undefined));
    const heading = h('h2', {tabindex: '-1'}, t('reports.thanks'));
    replace(content, warning(redFlags(response)), h('section', {class: 'card'}, heading, delivery,
            h('p', {}, h('a', {href: '#reports'}, t('reports.back')))));
    const alarm = content.querySelector('.alarm h2');
    if (alarm) alarm.tabIndex = -1;
    (alarm ?? heading).focus();
    scrollTo(0, 0);
    let told = '';
    return async () => {
        const {matches} = await fhir.page(`Task?focus=QuestionnaireResponse/${response.id}&_count=5`);
        const {text} = deliveryOf(taskOf(matches, response.id));
        if (text === told) return;
        told = text;
        replace(delivery, deliveryLines(taskOf(matches, response.id)));
    };
}

/** The form of one questionnaire. */
function fillIn(context, id) {
    const content = h('div', {}, h('p', {class: 'hint'}, t('loading')));
    let follow;
    let begun = false;
    return {
        title: t('reports.title'),
        topics: ['report-delivery'],
        content,
        async refresh() {
            try {
                if (follow) return await follow();
                if (begun) return;  // an answer that is being written is not taken away
                begun = true;
                const questionnaire = await context.fhir.get(`Questionnaire/${encodeURIComponent(id)}`);
                const unknown = unknownTypes(questionnaire);
                if (unknown.length) throw new Error(t('reports.cannot', {types: unknown.join(', ')}));
                replace(content, form(context, questionnaire, (response) => {
                    follow = sentView(context, response, content);
                    follow().catch(() => {});
                }));
            } catch (error) {
                if (follow) return;  // the next change or poll asks again
                begun = false;
                replace(content, problem(error), h('p', {}, h('a', {href: '#reports'}, t('reports.back'))));
            }
        },
    };
}

export const open = (context, [id]) => (id ? fillIn(context, id) : overview(context));
