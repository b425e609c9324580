// The waiting room: visits that wait, the place in the line, live. The line is an extension of the Encounter.
import {h} from './dom.mjs';
import {clock, extension} from './format.mjs';
import {problem, replace} from './shell.mjs';
import {t} from './words.mjs';

const QUEUE = 'urn:carestream:queue';
const CLINIC = 'urn:carestream:clinic';

const clinicOf = (encounter) => encounter.meta?.tag?.find(({system}) => system === CLINIC);

function queueOf(encounter) {
    const queue = extension(encounter, QUEUE);
    return {
        clinic: extension(queue, 'clinic')?.valueString ?? clinicOf(encounter)?.display,
        position: extension(queue, 'position')?.valuePositiveInt,
    };
}

function wordsOf(encounter, {position}) {
    if (encounter.status === 'in-progress') return t('waiting.now');
    if (position === undefined) return t('waiting.noted');
    return position === 1 ? t('waiting.next') : t('waiting.ahead', {count: position - 1});
}

// A stay on a ward is in progress, too, and waits for nobody.
const waits = (encounter) => encounter.status !== 'in-progress' || clinicOf(encounter) !== undefined;

function card(encounter) {
    const queue = queueOf(encounter);
    const place = encounter.location?.map((one) => one.location?.display).find(Boolean);
    const since = encounter.period?.start;
    const showsLine = queue.position !== undefined && encounter.status !== 'in-progress';
    return h('section', {class: 'card queue'},
             h('h2', {}, queue.clinic ?? place ?? t('waiting.visit')),
             showsLine && h('p', {class: 'position', 'aria-hidden': 'true'}, String(queue.position)),
             h('p', {class: 'words'}, wordsOf(encounter, queue)),
             since && h('p', {class: 'hint'}, t('waiting.since', {time: clock(since)})));
}

export function open({fhir, patient, shell}) {
    const content = h('div', {}, h('p', {class: 'hint'}, t('loading')));
    let said;
    return {
        title: t('nav.waiting'),
        topics: ['waiting-room'],
        content,
        async refresh() {
            try {
                const {matches} = await fhir.search(
                    `Encounter?patient=${patient.id}&status=arrived,triaged,in-progress&_count=20`);
                const visits = matches.filter(waits);
                const now = visits.map((encounter) => wordsOf(encounter, queueOf(encounter))).join(' ') || t('waiting.none');
                if (said !== undefined && said !== now) shell.say(now);
                said = now;
                replace(content, visits.length ? visits.map(card) :
                        h('div', {class: 'card'}, h('p', {}, t('waiting.none')), h('p', {class: 'hint'}, t('waiting.how'))));
            } catch (error) {
                replace(content, problem(error));
            }
        },
    };
}
